//! What a transaction promises: money that is moved by many tasks at once, and by a process that is killed, is neither
//! made nor lost.
//!
//! ```text
//! cargo run --example bank_transfer                # the database is bank.db
//! cargo run --example bank_transfer -- my.db       # or another file
//! ```

#![expect(clippy::print_stdout, reason = "the example says what it does")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use orm::Error;
use orm::prelude::*;

#[derive(Debug, Clone, Model)]
struct Account {
    #[model(primary_key)]
    id: i64,
    owner: String,
    #[model(check = "balance >= 0")]
    balance: i64,
}

/// Each transfer leaves a line here, in the same transaction.
#[derive(Debug, Clone, Model)]
struct Transfer {
    #[model(primary_key)]
    id: i64,
    #[model(belongs_to(source: Account), index)]
    source_id: i64,
    #[model(belongs_to(target: Account), index)]
    target_id: i64,
    amount: i64,
}

const OWNERS: [&str; 5] = ["Alice", "Bob", "Carol", "Dan", "Eve"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "bank.db".into());
    let engine = orm::connect(format!("sqlite://{file}")).await?;
    if std::env::args().nth(2).as_deref() == Some("work") {
        return work(&engine).await;
    }

    engine.drop_all(schema![Account, Transfer]).await?;
    engine.create_all(schema![Account, Transfer]).await?;
    let mut session = Session::new(&engine);
    session.add_all(OWNERS.map(|owner| Account::builder().owner(owner).balance(1000)));
    session.commit().await?;
    let total = sum_of_balances(&engine).await?;
    println!("opened {} accounts with {total} in all", OWNERS.len());

    // Atomic: what fails half-way leaves nothing, neither in the database nor in memory.
    session.begin().await?;
    let (alice, bob) = (session.get_one(Account, 1).await?, session.get_one(Account, 2).await?);
    session[bob].balance += 300;
    session.flush().await?; // sent, but not committed
    session.rollback().await?; // as when the program finds that it must not go on
    println!("\ngave up a transfer half-way: Alice has {}, Bob has {}", session[alice].balance, session[bob].balance);

    // Consistent: the CHECK holds, whoever writes.
    match transfer(&engine, 1, 2, 5000).await {
        Err(Error::CheckViolation { .. }) => println!("Alice cannot send 5000: she has {}", session[alice].balance),
        other => anyhow::bail!("5000 should be too much: {other:?}"),
    }
    expect_total(&engine, total).await?;

    // Isolated: many tasks move money between the same few accounts.
    let tasks: Vec<_> = (0..8).map(|task| tokio::spawn(many_transfers(engine.clone(), task))).collect();
    let mut refused = 0;
    for task in tasks {
        refused += task.await??;
    }
    let done: i64 = engine.fetch_scalar(select(count(Transfer.id))).await?;
    println!("\n8 tasks made {done} transfers; {refused} were refused, for want of money");
    expect_total(&engine, total).await?;

    // Durable: a process is killed between two statements, twice, and what it had committed is there.
    for round in ["a process", "the same, started again,"] {
        let told = kill_in_the_middle(&file)?;
        let kept: i64 = engine.fetch_scalar(select(count(Transfer.id))).await?;
        anyhow::ensure!(kept >= told, "{told} transfers were committed, and {kept} are there");
        println!("\n{round} was killed in the middle of its transfers; every one that it had committed is kept");
        expect_total(&engine, total).await?;
    }
    Ok(())
}

/// Moves money, and tries again if another transaction was in the way.
async fn transfer(engine: &Engine, source: i64, target: i64, amount: i64) -> orm::Result<()> {
    loop {
        match try_transfer(engine, source, target, amount).await {
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            done => return done,
        }
    }
}

/// Both balances and the line change together. Whatever ends this before `commit` undoes it.
async fn try_transfer(engine: &Engine, source: i64, target: i64, amount: i64) -> orm::Result<()> {
    let mut session = Session::new(engine);
    session.begin().await?; // takes the write lock now: what is read from here on stays true
    let source = session.get_one(Account, source).await?;
    let target = session.get_one(Account, target).await?;
    session[source].balance -= amount;
    session[target].balance += amount;
    session.add(Transfer::builder().source(source).target(target).amount(amount));
    session.commit().await
}

/// Fifty transfers; gives how many were refused.
async fn many_transfers(engine: Engine, task: i64) -> orm::Result<u32> {
    let mut refused = 0;
    for number in 0..50 {
        let (source, target, amount) = some_transfer(task * 50 + number);
        match transfer(&engine, source, target, amount).await {
            Err(Error::CheckViolation { .. }) => refused += 1,
            done => done?,
        }
    }
    Ok(refused)
}

/// Two different accounts and an amount.
fn some_transfer(number: i64) -> (i64, i64, i64) {
    let accounts = OWNERS.len() as i64;
    let source = number % accounts;
    (source + 1, (source + 1 + number % (accounts - 1)) % accounts + 1, number * 37 % 400 + 1)
}

/// What the child does until it is killed: after each commit it says how many transfers there are.
async fn work(engine: &Engine) -> anyhow::Result<()> {
    for number in 0.. {
        let (source, target, amount) = some_transfer(number);
        match transfer(engine, source, target, amount).await {
            Err(Error::CheckViolation { .. }) => {}
            done => done?,
        }
        println!("{}", engine.fetch_scalar(select(count(Transfer.id))).await?);
    }
    Ok(())
}

/// Starts this program as a child, kills it after some transfers, and gives the last number that it said.
fn kill_in_the_middle(file: &str) -> anyhow::Result<i64> {
    let mut child = Command::new(std::env::current_exe()?).args([file, "work"]).stdout(Stdio::piped()).spawn()?;
    let mut told = String::new();
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        for _ in 0..25 {
            told = lines.next().transpose()?.unwrap_or_default();
        }
    }
    child.kill()?; // no warning: nothing in it gets to clean up
    child.wait()?;
    Ok(told.parse()?)
}

async fn sum_of_balances(engine: &Engine) -> orm::Result<i64> {
    Ok(engine.fetch_scalar(select(sum(Account.balance))).await?.unwrap_or(0))
}

async fn expect_total(engine: &Engine, total: i64) -> anyhow::Result<()> {
    let now = sum_of_balances(engine).await?;
    anyhow::ensure!(now == total, "there were {total}, and now there are {now}");
    println!("the sum of all balances is still {now}");
    Ok(())
}
