//! The names of simulated files: those that the program sees, and those that a crash leaves.

use std::collections::BTreeMap;

/// The number of a file, which its names point to.
pub(super) type FileId = u64;

/// Names and what they point to, with the changes that are not safe yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// What the program sees.
    pub(super) names: BTreeMap<String, FileId>,
    safe: BTreeMap<String, FileId>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Add(String, FileId),
    Rename(String, String, FileId),
    Remove(String),
}

impl Folder {
    pub(super) fn add(&mut self, name: &str, file: FileId) {
        self.change(Change::Add(name.to_owned(), file));
    }

    /// Renames; false where there is no such file.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(file) = self.names.get(from).copied() else { return false };
        self.change(Change::Rename(from.to_owned(), to.to_owned(), file));
        true
    }

    /// Removes; false where there is no such file.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let there = self.names.contains_key(name);
        if there {
            self.change(Change::Remove(name.to_owned()));
        }
        there
    }

    pub(super) fn sync(&mut self) {
        self.safe.clone_from(&self.names);
        self.pending.clear();
    }

    /// Loses power: of the changes that are not safe, those happened that `kept` says.
    ///
    /// `in_order` is a file system with a journal, where a change that happened means that those
    /// before it did. Returns how many did not.
    pub(super) fn crash(&mut self, in_order: bool, mut kept: impl FnMut() -> bool) -> u64 {
        let mut names = std::mem::take(&mut self.safe);
        let pending = std::mem::take(&mut self.pending);
        let mut lost = pending.len() as u64;
        for change in pending {
            if kept() {
                apply(&change, &mut names);
                lost -= 1;
            } else if in_order {
                break;
            }
        }
        self.safe.clone_from(&names);
        self.names = names;
        lost
    }

    /// Whether any name, seen or safe, points to `file`.
    pub(super) fn knows(&self, file: FileId) -> bool {
        self.names.values().chain(self.safe.values()).any(|known| *known == file)
            || self.pending.iter().any(|change| match change {
                Change::Add(_, known) | Change::Rename(_, _, known) => *known == file,
                Change::Remove(_) => false,
            })
    }

    fn change(&mut self, change: Change) {
        apply(&change, &mut self.names);
        self.pending.push(change);
    }
}

fn apply(change: &Change, names: &mut BTreeMap<String, FileId>) {
    match change {
        Change::Add(name, file) => {
            names.insert(name.clone(), *file);
        }
        Change::Rename(from, to, file) => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Folder) -> String {
        folder
            .names
            .iter()
            .map(|(name, file)| format!("{name}{file}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn names_are_safe_after_a_sync_and_may_be_lost_before() {
        let mut folder = Folder::default();
        folder.add("a", 1);
        folder.sync();
        folder.add("b.tmp", 2);
        assert!(folder.rename("b.tmp", "b") && !folder.rename("x", "y"));
        assert!(folder.remove("a") && !folder.remove("a"));
        assert_eq!(names(&folder), "b2");
        let after = |in_order: bool, fates: [bool; 3]| {
            let mut fates = fates.into_iter();
            let mut copy = folder.clone();
            copy.crash(in_order, || fates.next().expect("a fate for each change"));
            names(&copy)
        };
        assert_eq!(after(true, [false, true, true]), "a1");
        assert_eq!(after(true, [true, false, true]), "a1 b.tmp2");
        assert_eq!(after(true, [true, true, true]), "b2");
        assert_eq!(after(false, [false, true, false]), "a1 b2");
        assert_eq!(after(false, [false, false, true]), "");
    }
}
