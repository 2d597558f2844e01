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

const PUBLISHED: &str = "services:\n  a:\n    image: ollama/ollama\n    ports: [\"11434:11434\"]\n";

fn faults(found: &Found) -> usize {
    found.marks.iter().filter(|mark| mark.weight == Weight::Fault).count()
}

#[test]
fn manifests_that_are_large_wide_deep_or_called_otherwise_are_read() {
    let deep = format!("{}compose.yaml", "d/".repeat(40));
    let large = format!("{PUBLISHED}#{}", "x".repeat(600 << 10));
    for name in [deep.as_str(), "build/compose.yaml", "stack.yml", "llm-stack.yaml", "services/llm.yml"] {
        assert_eq!(faults(&read(tree(&[(name, &large)]).path(), Subject::Exposure).unwrap()), 1, "{name}");
    }
    let root = tree(&[]);
    let wide: Vec<u8> = std::iter::once(0xfeff).chain(PUBLISHED.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    std::fs::write(root.path().join("compose.yaml"), wide).unwrap();
    assert_eq!(faults(&read(root.path(), Subject::Exposure).unwrap()), 1);
}

#[test]
fn a_manifest_that_cannot_be_read_is_named_with_weight_and_another_file_is_not() {
    let over = "x".repeat(usize::try_from(BYTES).unwrap() + 1);
    let root = tree(&[("compose.yaml", &over), ("main.tf", "\0"), ("pnpm-lock.yaml", &over), ("vendor/a.tf", "")]);
    let found = read(root.path(), Subject::Exposure).unwrap();
    assert_eq!(found.skipped.len(), 2, "{found:?}");
    assert_eq!(found.aside.len(), 2, "{found:?}");
}

#[test]
fn a_template_is_unread_only_where_it_speaks_of_an_llm_server() {
    let template = |port: u16| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{{{ .Release.Name }}}}-x\nspec:\n  ports: [{{port: {port}}}]\n"
        )
    };
    let unread = |text: &str| {
        let found = read(tree(&[("templates/s.yaml", text)]).path(), Subject::Exposure).unwrap();
        (found.marks.iter().filter(|mark| mark.weight == Weight::Unread).count(), found.skipped.len(), faults(&found))
    };
    assert_eq!(unread(&template(11434)), (1, 0, 0));
    assert_eq!(unread(&template(80)), (0, 0, 0));
    assert_eq!(unread(&template(11434).replace("kind: Service", "kind: ConfigMap")), (0, 0, 0));
    let plain = "apiVersion: v1\nkind: Service\nspec: {type: LoadBalancer, ports: [{port: 11434}]}\n";
    assert_eq!(unread(&format!("{plain}---\n# {{{{ x }}}}\nfoo: [\n")), (0, 0, 1));
    assert_eq!(unread(&format!("{plain}---\nfoo: [\n")), (0, 1, 0));
}

#[cfg(unix)]
#[test]
fn links_within_the_work_tree_are_followed_and_others_are_named() {
    use std::os::unix::fs::symlink;
    let outside = tree(&[("compose.yaml", PUBLISHED)]);
    let root = tree(&[("kept/text", PUBLISHED)]);
    symlink("kept/text", root.path().join("compose.yaml")).unwrap();
    symlink("kept", root.path().join("linked")).unwrap();
    let found = read(root.path(), Subject::Exposure).unwrap();
    assert_eq!((faults(&found), found.skipped.len()), (1, 0), "{found:?}");
    symlink(outside.path(), root.path().join("deploy")).unwrap();
    symlink(outside.path().join("compose.yaml"), root.path().join("stack.yml")).unwrap();
    symlink(outside.path().join("compose.yaml"), root.path().join("mkdocs.yml")).unwrap();
    let found = read(root.path(), Subject::Exposure).unwrap();
    let link = "a symbolic link, which is not followed";
    assert_eq!(found.skipped, [format!("deploy/: {link}"), format!("stack.yml: {link}")]);
    assert_eq!(found.aside, [format!("mkdocs.yml: {link}")]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tree(&[("deploy/compose.yaml", PUBLISHED)]);
    let closed = root.path().join("deploy");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let found = read(root.path(), Subject::Exposure).unwrap();
    // The superuser reads it all the same.
    assert_eq!(found.skipped.len() + faults(&found), 1, "{found:?}");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn overrides_and_extended_files_are_read_together() {
    let image = "services:\n  a:\n    image: vllm/vllm-openai\n";
    let ports = "services:\n  a:\n    ports: [\"8000:8000\"]\n";
    let extends = "services:\n  a:\n    extends: {file: base.yml, service: a}\n    ports: [\"8000:8000\"]\n";
    let found =
        read(tree(&[("compose.yaml", image), ("compose.override.yaml", ports)]).path(), Subject::Exposure).unwrap();
    assert_eq!((faults(&found), found.marks[0].file.as_str()), (1, "compose.override.yaml"));
    let found = read(tree(&[("compose.yaml", extends), ("base.yml", image)]).path(), Subject::Exposure).unwrap();
    assert_eq!(faults(&found), 1);
    let found = read(tree(&[("compose.yaml", extends)]).path(), Subject::Exposure).unwrap();
    assert_eq!((faults(&found), found.marks[0].weight), (0, Weight::Unread));
    let again = tree(&[("compose.yaml", PUBLISHED), ("compose.prod.yaml", "services:\n  a:\n    restart: always\n")]);
    assert_eq!(faults(&read(again.path(), Subject::Exposure).unwrap()), 1);
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
