//! Every kind of repository is read whole, or says what of it was not.

use super::*;

#[test]
fn a_submodule_is_reported_as_unread() {
    let made = Made::new();
    let other = Made::new();
    other.write("x.txt", &token("B"));
    other.commit("add");
    made.git(&["submodule", "-q", "add", other.root.to_str().unwrap(), "sub"]);
    made.commit("sub");
    let scan = made.scan();
    assert_eq!(gaps(&scan), [GapKind::Submodules]);
    assert_eq!(scan.coverage.gaps[0].paths, ["sub"]);
}

#[test]
fn a_linked_worktree_reads_the_common_history() {
    let made = Made::new();
    made.write("w.txt", &token("W"));
    made.commit("add");
    made.git(&["rm", "-q", "w.txt"]);
    made.commit("remove");
    let linked = made.folder.path().join("linked");
    made.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let scan = scan_at(&linked);
    assert_eq!(states(&scan), [(State::History, "w.txt".into())]);
    assert_eq!(gaps(&scan), []);
}

#[test]
fn a_bare_repository_and_one_of_sha256_are_read() {
    let made = Made::new();
    made.write("w.txt", &token("A"));
    made.commit("add");
    let bare = made.folder.path().join("bare.git");
    made.git(&["clone", "-q", "--bare", made.root.to_str().unwrap(), bare.to_str().unwrap()]);
    let scan = scan_at(&bare);
    assert_eq!(states(&scan), [(State::Head, "w.txt".into())]);
    assert!(scan.coverage.bare);

    let made = Made::folder();
    made.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    made.write("w.txt", &token("A"));
    made.commit("add");
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Head, "w.txt".into())]);
    assert_eq!(scan.coverage.object_hash, "sha256");
}

#[test]
fn a_shallow_clone_and_a_partial_clone_are_gaps() {
    let made = Made::new();
    made.write("old.txt", "one\n");
    made.commit("one");
    made.write("old.txt", "two\n");
    made.commit("two");
    let url = format!("file://{}", made.root.display());
    let shallow = made.folder.path().join("shallow");
    made.git(&["clone", "-q", "--depth", "1", &url, shallow.to_str().unwrap()]);
    let scan = scan_at(&shallow);
    assert_eq!(gaps(&scan), [GapKind::Shallow]);
    assert!(scan.coverage.gaps[0].mend.contains("--unshallow"));

    let partial = made.folder.path().join("partial");
    made.git(&["config", "uploadpack.allowFilter", "true"]);
    made.git(&["clone", "-q", "--filter=blob:none", &url, partial.to_str().unwrap()]);
    assert_eq!(gaps(&scan_at(&partial)), [GapKind::PartialClone]);
}

#[test]
fn a_missing_object_is_a_gap() {
    let made = Made::new();
    made.write("lost.txt", "lost\n");
    made.commit("add");
    let blob = made.git(&["rev-parse", "HEAD:lost.txt"]);
    std::fs::remove_file(made.root.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    assert_eq!(gaps(&made.scan()), [GapKind::MissingObjects]);
}

#[test]
fn what_a_replace_ref_hides_is_read_all_the_same() {
    let made = Made::new();
    made.write("r.txt", &token("R"));
    made.commit("add");
    let blob = made.git(&["rev-parse", "HEAD:r.txt"]);
    made.write("clean.txt", "clean\n");
    let clean = made.git(&["hash-object", "-w", "clean.txt"]);
    made.git(&["replace", &blob, &clean]);
    assert_eq!(states(&made.scan()), [(State::Head, "r.txt".into())]);
}

#[test]
fn objects_in_packs_loose_and_borrowed_ones_are_read_alike() {
    let made = Made::new();
    made.write("a.txt", &token("A"));
    made.commit("add a");
    made.git(&["rm", "-q", "a.txt"]);
    made.commit("remove a");
    made.git(&["gc", "-q"]);
    made.write("b.txt", &token("B"));
    made.commit("add b");
    made.git(&["rm", "-q", "b.txt"]);
    made.commit("remove b");
    let both = [(State::History, "a.txt".into()), (State::History, "b.txt".into())];
    assert_eq!(states(&made.scan()), both);
    let sharing = made.folder.path().join("sharing");
    made.git(&["clone", "-q", "--shared", made.root.to_str().unwrap(), sharing.to_str().unwrap()]);
    assert_eq!(states(&scan_at(&sharing)), both);
    // What it borrows from is gone: nothing can be said.
    std::fs::rename(made.root.join(".git/objects"), made.root.join(".git/away")).unwrap();
    let broken = scan(&sharing, &Key::ephemeral(), &Arc::default(), Duration::from_mins(1));
    assert!(broken.is_err() || !gaps(&broken.unwrap()).is_empty());
}

#[test]
fn a_pack_without_its_index_is_a_gap() {
    let made = Made::new();
    made.git(&["gc", "-q"]);
    let packs = made.root.join(".git/objects/pack");
    let index = std::fs::read_dir(packs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .unwrap();
    std::fs::remove_file(index).unwrap();
    let broken = scan(&made.root, &Key::ephemeral(), &Arc::default(), Duration::from_mins(1));
    assert!(broken.is_err() || gaps(&broken.unwrap()).contains(&GapKind::MissingObjects));
}

#[test]
fn a_graft_hides_no_commit() {
    let made = Made::new();
    made.write("g.txt", &token("G"));
    made.commit("add");
    made.git(&["rm", "-q", "g.txt"]);
    made.commit("remove");
    let head = made.git(&["rev-parse", "HEAD"]);
    std::fs::create_dir_all(made.root.join(".git/info")).unwrap();
    std::fs::write(made.root.join(".git/info/grafts"), format!("{head}\n")).unwrap();
    assert_eq!(states(&made.scan()), [(State::History, "g.txt".into())]);
}

/// Refs in a form that is not understood: every object is read all the same, and the report says that the refs were not.
#[test]
fn refs_in_a_reftable_are_a_gap_and_hide_nothing() {
    let made = Made::folder();
    if made.try_git(&["init", "-q", "-b", "main", "--ref-format=reftable"]).is_none() {
        println!("this git knows no reftable: nothing was tried");
        return;
    }
    made.write("t.txt", &token("T"));
    made.commit("add");
    match scan(&made.root, &Key::ephemeral(), &Arc::default(), Duration::from_mins(1)) {
        Ok(scan) => {
            assert!(!gaps(&scan).is_empty());
            assert_eq!(states(&scan).len(), 1);
        }
        Err(unseen) => assert!(!unseen.to_string().is_empty()),
    }
}

/// A nested repository that is no submodule: git would take its files, or its commit, with the next `git add`.
#[test]
fn a_nested_repository_is_a_gap_and_a_folder_that_only_looks_like_one_is_entered() {
    let made = Made::new();
    let inner = made.root.join("inner");
    std::fs::create_dir(&inner).unwrap();
    made.git_in(&inner, &["init", "-q", "-b", "main"]);
    std::fs::write(inner.join("x.txt"), token("I")).unwrap();
    assert_eq!(gaps(&made.scan()), [GapKind::Submodules]);

    let made = Made::new();
    std::fs::create_dir_all(made.root.join("fake/.git")).unwrap();
    made.write("fake/x.txt", &token("J"));
    assert_eq!(states(&made.scan()), [(State::WorkTree, "fake/x.txt".into())]);
}
