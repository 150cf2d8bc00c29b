//! A table of text, for the eye or for Markdown.

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: Vec<String>) -> Self {
        Self { rows: vec![header] }
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self, markdown: bool) {
        let (start, between, end) = if markdown { ("| ", " | ", " |") } else { ("", "  ", "") };
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            println!("{start}{}{end}", padded(row, &widths).join(between));
            if number == 0 && markdown {
                println!("|{}", widths.iter().map(|width| "-".repeat(width + 2) + "|").collect::<String>());
            }
        }
        println!();
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        (0..self.rows[0].len()).map(width).collect()
    }
}

fn padded(row: &[String], widths: &[usize]) -> Vec<String> {
    row.iter().zip(widths).map(|(cell, &width)| format!("{cell:width$}")).collect()
}
