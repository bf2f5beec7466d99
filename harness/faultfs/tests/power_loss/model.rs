//! What POSIX promises, in memory: every file has two contents, every name a history.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Tree;

/// The directory that everything is in.
pub(crate) const ROOT: usize = 0;

#[derive(Clone, Debug)]
enum Node {
    File { now: Vec<u8>, durable: Vec<u8> },
    Dir,
}

/// What a name meant from some step on.
#[derive(Debug)]
struct Meaning {
    step: usize,
    node: Option<usize>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    nodes: Vec<Node>,
    /// By directory and name.
    names: BTreeMap<(usize, String), Vec<Meaning>>,
    /// By step: the directories that have to be synced for it.
    waiting: Vec<BTreeSet<usize>>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            nodes: vec![Node::Dir],
            ..Self::default()
        }
    }

    /// From now on nothing is unsynced.
    pub(crate) fn settle(&mut self) {
        self.waiting.iter_mut().for_each(BTreeSet::clear);
        for node in &mut self.nodes {
            if let Node::File { now, durable } = node {
                durable.clone_from(now);
            }
        }
    }

    pub(crate) fn dirs(&self) -> Vec<(usize, String)> {
        let mut dirs = vec![(ROOT, String::new())];
        self.collect(ROOT, "", &|_| true, &mut |node, path| {
            if matches!(self.nodes[node], Node::Dir) {
                dirs.push((node, format!("{path}/")));
            }
        });
        dirs
    }

    pub(crate) fn get(&self, dir: usize, name: &str) -> Option<usize> {
        self.names.get(&(dir, name.to_owned()))?.last()?.node
    }

    pub(crate) fn is_dir(&self, node: usize) -> bool {
        matches!(self.nodes[node], Node::Dir)
    }

    pub(crate) fn is_empty(&self, dir: usize) -> bool {
        self.names
            .iter()
            .all(|((of, _), was)| *of != dir || was.last().unwrap().node.is_none())
    }

    /// Names that change in one step.
    pub(crate) fn set(&mut self, names: &[(usize, &str, Option<usize>)]) {
        let step = self.waiting.len();
        self.waiting
            .push(names.iter().map(|(dir, ..)| *dir).collect());
        for (dir, name, node) in names {
            let meanings = self.names.entry((*dir, (*name).to_owned())).or_default();
            meanings.push(Meaning { step, node: *node });
        }
    }

    pub(crate) fn add(&mut self, dir: usize, name: &str, is_dir: bool) -> usize {
        let file = Node::File {
            now: Vec::new(),
            durable: Vec::new(),
        };
        self.nodes.push(if is_dir { Node::Dir } else { file });
        let node = self.nodes.len() - 1;
        self.set(&[(dir, name, Some(node))]);
        node
    }

    pub(crate) fn length(&self, node: usize) -> usize {
        match &self.nodes[node] {
            Node::File { now, .. } => now.len(),
            Node::Dir => 0,
        }
    }

    pub(crate) fn write(&mut self, node: usize, at: usize, bytes: &[u8], synced: bool) {
        let Node::File { now, durable } = &mut self.nodes[node] else {
            return;
        };
        let images = if synced {
            vec![now, durable]
        } else {
            vec![now]
        };
        for image in images {
            image.resize(image.len().max(at + bytes.len()), 0);
            image[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    pub(crate) fn truncate(&mut self, node: usize, length: usize) {
        if let Node::File { now, .. } = &mut self.nodes[node] {
            now.resize(length, 0);
        }
    }

    pub(crate) fn sync(&mut self, node: usize) {
        match &mut self.nodes[node] {
            Node::File { now, durable } => durable.clone_from(now),
            Node::Dir => {
                for dirs in &mut self.waiting {
                    dirs.remove(&node);
                }
            }
        }
    }

    pub(crate) fn tree_now(&self) -> Tree {
        self.tree(false)
            .into_iter()
            .map(|(path, (_, content))| (path, content))
            .collect()
    }

    pub(crate) fn tree_after_power_loss(&self) -> Tree {
        self.tree(true)
            .into_iter()
            .map(|(path, (_, content))| (path, content))
            .collect()
    }

    /// Whether every name means the same file, with the same content, after a power loss.
    pub(crate) fn is_durable(&self) -> bool {
        self.tree(false) == self.tree(true)
    }

    fn tree(&self, durably: bool) -> BTreeMap<String, (usize, Option<Vec<u8>>)> {
        let mut tree = BTreeMap::new();
        let counts = |step: usize| !durably || self.waiting[step].is_empty();
        self.collect(ROOT, "", &counts, &mut |node, path| {
            let content = match &self.nodes[node] {
                Node::File { now, durable } => Some(if durably { durable } else { now }),
                Node::Dir => None,
            };
            tree.insert(path.to_owned(), (node, content.cloned()));
        });
        tree
    }

    fn collect(
        &self,
        dir: usize,
        above: &str,
        counts: &dyn Fn(usize) -> bool,
        found: &mut dyn FnMut(usize, &str),
    ) {
        for ((_, name), meanings) in self.names.iter().filter(|((of, _), _)| *of == dir) {
            let meaning = meanings.iter().rfind(|meaning| counts(meaning.step));
            if let Some(node) = meaning.and_then(|meaning| meaning.node) {
                let path = format!("{above}{name}");
                found(node, &path);
                self.collect(node, &format!("{path}/"), counts, found);
            }
        }
    }
}
