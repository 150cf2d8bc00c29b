use orm::docs::Post as Note;
use orm::prelude::*;

#[derive(Debug, Clone, Model)]
#[model(many_to_many(notes: Note through Pin, delete_orphans))]
struct Board {
    #[model(primary_key)]
    id: i64,
}

#[derive(Debug, Clone, Model)]
#[model(primary_key(board_id, note_id))]
struct Pin {
    #[model(belongs_to(board: Board))]
    board_id: i64,
    #[model(belongs_to(note: Note))]
    note_id: i64,
}

fn main() {}
