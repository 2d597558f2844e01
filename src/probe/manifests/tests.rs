use super::*;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

#[test]
fn a_work_tree_is_read_without_other_peoples_code() {
    let root = tree(&[
        ("compose.yaml", "services:\n  a:\n    image: ollama/ollama\n    ports: [\"11434:11434\"]\n"),
        ("node_modules/x/compose.yaml", "services:\n  a:\n    image: ollama/ollama\n    ports: [\"11434:11434\"]\n"),
        ("README.md", "OLLAMA_HOST=0.0.0.0"),
    ]);
    let found = read(root.path(), Subject::Exposure).unwrap();
    assert_eq!((found.files, found.marks.len()), (1, 1));
    assert_eq!(found.marks[0].file, "compose.yaml");
}

#[test]
fn what_cannot_be_parsed_is_said() {
    let root = tree(&[("compose.yaml", "services: [\n"), (".mcp.json", "{")]);
    assert_eq!(read(root.path(), Subject::Exposure).unwrap().skipped.len(), 1);
    assert_eq!(read(root.path(), Subject::Agents).unwrap().skipped.len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_unseen() {
    assert!(read(Path::new("/nonexistent-watertight"), Subject::Alerts).is_err());
}

#[cfg(unix)]
#[test]
fn settings_behind_a_link_are_named_as_unread() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".claude")).unwrap();
    std::os::unix::fs::symlink("elsewhere.json", folder.path().join(".claude/settings.json")).unwrap();
    let found = read(folder.path(), Subject::Agents).unwrap();
    assert_eq!(found.skipped, [".claude/settings.json: a symbolic link, which is not followed"]);
}
