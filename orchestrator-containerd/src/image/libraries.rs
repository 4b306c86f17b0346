//! The libraries that a program of this machine loads, so that an image can hold it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::SpecError;
use super::elf::{self, Elf};

/// Where libraries are looked for beside the places that the loader's cache knows: these are where
/// distributions keep them.
const PLACES: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// The loader of the program and all libraries that it needs, and that those need; none for a
/// program that stands alone.
///
/// # Errors
/// One of them is nowhere.
pub(super) fn of(program: &Path) -> Result<Vec<PathBuf>, SpecError> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut names = BTreeSet::new();
    let mut open = vec![program.to_owned()];
    while let Some(path) = open.pop() {
        let wrong = |why: String| SpecError::File { path: path.clone(), why };
        let bytes = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let Elf { loader, needed } = elf::read(&bytes).map_err(|why| wrong(why.into()))?;
        if let Some(loader) = loader.map(PathBuf::from)
            && !found.contains(&loader)
        {
            found.push(loader);
        }
        for name in needed {
            if !names.insert(name.clone()) {
                continue;
            }
            let missing = || wrong(format!("its library {name} is nowhere"));
            let library = look_for(&name).ok_or_else(missing)?;
            open.push(library.clone());
            if !found.contains(&library) {
                found.push(library);
            }
        }
    }
    Ok(found)
}

fn look_for(name: &str) -> Option<PathBuf> {
    PLACES.iter().map(|place| Path::new(place).join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_a_loader_and_a_c_library() {
        let own = std::env::current_exe().unwrap();
        let libraries = of(&own).unwrap();
        let has =
            |part: &str| libraries.iter().any(|path| path.display().to_string().contains(part));
        assert!(has("ld-linux") && has("libc.so"), "{libraries:?}");
    }
}
