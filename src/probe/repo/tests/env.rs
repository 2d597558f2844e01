//! Env files, ignore rules, and what images and packages take along.

use super::*;

#[test]
fn env_files_are_followed_through_tree_index_and_history() {
    let made = Made::new();
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    made.write(".env.old", &format!("DB_PASSWORD={value}\n"));
    made.write("tracked.env", "PORT=1\n");
    made.write(".env.example", "DB_PASSWORD=changeme\n");
    made.commit("add");
    made.git(&["rm", "-q", ".env.old"]);
    made.write(".gitignore", ".env\n*.env\n");
    made.commit("remove");
    made.write(".env", &format!("DB_PASSWORD={value}\nPORT=8080\nURL=https://api.internal/v1\n"));
    made.write(".env.production", &format!("DB_PASSWORD={value}\n"));
    let scan = made.scan();
    let file = |path: &str| scan.env.files.iter().find(|file| file.path == path).unwrap();
    assert!(!file(".env.old").exists && file(".env.old").first.is_some() && !file(".env.old").in_head);
    assert!(file("tracked.env").tracked && file("tracked.env").ignored.is_some() && file("tracked.env").exists);
    assert_eq!(file(".env.example").kind, EnvKind::Example);
    let env = file(".env");
    assert!(env.exists && !env.tracked && env.ignored.as_ref().unwrap().shared);
    assert_eq!(
        env.entries.iter().map(|entry| entry.value).collect::<Vec<_>>(),
        [ValueKind::Secret, ValueKind::Plain, ValueKind::Plain]
    );
    assert_eq!(file(".env.production").ignored, None);
    assert_eq!(env.entries[0].fingerprint, file(".env.production").entries[0].fingerprint);
}

#[test]
fn a_rule_of_this_clone_alone_is_not_shared() {
    let made = Made::new();
    std::fs::write(made.root.join(".git/info/exclude"), ".env\n").unwrap();
    made.write(".env", "A=1\n");
    let scan = made.scan();
    assert!(scan.env.files[0].ignored.as_ref().is_some_and(|rule| !rule.shared));
}

fn ignored(made: &Made, names: &[&str]) -> Vec<(bool, bool)> {
    let ask = IgnoredAsk { names: names.iter().map(|name| (*name).to_owned()).collect() };
    let answer = ignore::answer(&open::open(&made.root).unwrap(), &ask).unwrap();
    answer.names.iter().map(|name| (name.by.as_ref().is_some_and(|rule| rule.shared), name.negated.is_some())).collect()
}

#[test]
fn gits_own_matcher_judges_names_that_do_not_exist() {
    let made = Made::new();
    made.write(".gitignore", "*.env.*\n.env*\n!.env.example\nlogs/\n!logs/keep.env\n");
    made.write("app/.gitignore", "!.env.local\n");
    made.commit("rules");
    assert_eq!(
        ignored(&made, &[".env", "prod.env.local", ".env.example", "app/.env.local", "logs/keep.env", "id_rsa"]),
        [(true, false), (true, false), (false, true), (false, true), (true, false), (false, false)]
    );
}

#[test]
fn a_gitignore_that_is_not_committed_is_not_shared() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    assert_eq!(ignored(&made, &[".env"]), [(false, false)]);
}

#[test]
fn images_and_packages_that_take_an_env_file_along_are_named() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.write("Dockerfile", "FROM scratch\nCOPY --chown=1 . /app\nCOPY --from=x . /y\n");
    made.write(".env", "A=1\n");
    assert_eq!(made.scan().env.shipped.iter().map(|shipping| shipping.line).collect::<Vec<_>>(), [2]);
    made.write(".dockerignore", "**/.env*\n");
    assert_eq!(made.scan().env.shipped, []);
    made.write("package.json", "{\"name\":\"x\",\"files\":[\"dist\",\".env\"]}");
    assert_eq!(made.scan().env.shipped.len(), 1);
}
