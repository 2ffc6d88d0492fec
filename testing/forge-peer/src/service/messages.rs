//! The containers that passed, found by the tasks that they touch.
//!
//! Must never grow without bound: the oldest messages go first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use cid::Cid;

use crate::token::{Kind, Token};

/// Most messages that are kept.
const MESSAGES_MAX: usize = 100_000;
/// Most messages that one answer is made of.
const SERVED_MAX: usize = 25;

/// The store.
#[derive(Debug, Default)]
pub(super) struct Messages {
    kept: VecDeque<Vec<Arc<Token>>>,
    /// The number of the oldest that is kept.
    first: u64,
    touching: HashMap<Cid, Vec<u64>>,
}

/// The tasks that a token is about.
fn task_of(token: &Token) -> Option<Cid> {
    match token.kind() {
        Kind::Invocation => Some(token.task()),
        Kind::Receipt => token.ran(),
        Kind::Delegation => None,
    }
}

impl Messages {
    pub(super) fn keep(&mut self, tokens: Vec<Arc<Token>>) {
        if tokens.is_empty() {
            return;
        }
        let number = self.first + self.kept.len() as u64;
        let tasks: HashSet<Cid> = tokens.iter().filter_map(|token| task_of(token)).collect();
        for task in tasks {
            self.touching.entry(task).or_default().push(number);
        }
        self.kept.push_back(tokens);
        while self.kept.len() > MESSAGES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let gone = self.first;
        for token in self.kept.pop_front().into_iter().flatten() {
            let Some(task) = task_of(&token) else {
                continue;
            };
            if let Some(numbers) = self.touching.get_mut(&task) {
                numbers.retain(|number| *number != gone);
                if numbers.is_empty() {
                    self.touching.remove(&task);
                }
            }
        }
        self.first += 1;
    }

    fn touching(&self, task: Cid) -> impl Iterator<Item = &Vec<Arc<Token>>> {
        let numbers = self.touching.get(&task).into_iter().flatten();
        numbers.filter_map(|number| {
            let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
            self.kept.get(place)
        })
    }

    /// The first receipt of a task that anybody posted.
    pub(super) fn receipt(&self, task: Cid) -> Option<Arc<Token>> {
        self.touching(task)
            .flatten()
            .find(|token| token.ran() == Some(task))
            .cloned()
    }

    /// All tokens of the messages about a task, each once, if a receipt of it is among them.
    pub(super) fn about(&self, task: Cid) -> Option<Vec<Arc<Token>>> {
        self.receipt(task)?;
        let mut seen = HashSet::new();
        let tokens = self
            .touching(task)
            .take(SERVED_MAX)
            .flatten()
            .filter(|token| seen.insert(token.cid()))
            .cloned()
            .collect();
        Some(tokens)
    }
}
