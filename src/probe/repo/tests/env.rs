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
    made.write("Cargo.toml", "[package]\nname = \"x\"\ninclude = [\"src/**\", \".env*\"]\n");
    assert_eq!(made.scan().env.shipped.len(), 2);
    made.write("Cargo.toml", "[package]\nname = \"x\"\ninclude = [\"src/**\", \".env*\", \"!.env\"]\n");
    assert_eq!(made.scan().env.shipped.len(), 1);
}

/// Ignore files are read as git reads them: with either end of line, in any case of letters as they are, and in order.
#[test]
fn rules_with_crlf_and_names_in_capitals_are_judged_as_git_judges_them() {
    let made = Made::new();
    made.write(".gitignore", ".env\r\n.env.*\r\n");
    made.write(".ENV", "A=1\n");
    made.commit("rules");
    let expected = |name: &str| made.try_git(&["check-ignore", "-q", "--no-index", name]).is_some();
    for name in [".env", ".env.production", ".ENV", "a/.env"] {
        assert_eq!(ignored(&made, &[name])[0].0, expected(name), "{name}");
    }
    let scan = made.scan();
    assert!(scan.env.files.iter().any(|file| file.path == ".ENV" && file.tracked));
}

#[test]
fn a_negation_below_an_ignored_folder_has_no_effect_and_order_decides_elsewhere() {
    let made = Made::new();
    made.write(".gitignore", "secret/\n!secret/.env\n.env\n!app/.env\n");
    made.commit("rules");
    let expected = |name: &str| made.try_git(&["check-ignore", "-q", "--no-index", name]).is_some();
    for name in ["secret/.env", "app/.env", ".env", "deep/down/.env"] {
        assert_eq!(ignored(&made, &[name])[0].0, expected(name), "{name}");
    }
}

#[test]
fn env_files_encrypted_by_sops_and_dotenvx_are_told_from_plain_ones() {
    let made = Made::new();
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    made.write("a/.env", "DB=ENC[AES256_GCM,data:Zm9v,iv:YmFy,tag:YmF6,type:str]\nsops_version=3.9.0\n");
    made.write("b/.env", "DOTENV_PUBLIC_KEY=\"03ab\"\nDB=\"encrypted:BGhX9zQkLw8Xc4Vb7Nm1Td5aaQ\"\n");
    made.write("c/.env", &format!("DOTENV_PUBLIC_KEY=\"03ab\"\nDB_PASSWORD={value}\n"));
    made.write("d/.env.keys", "DOTENV_PRIVATE_KEY=1234\n");
    let scan = made.scan();
    let kinds: Vec<EnvKind> = scan.env.files.iter().map(|file| file.kind).collect();
    assert_eq!(kinds, [EnvKind::Encrypted, EnvKind::Encrypted, EnvKind::Real, EnvKind::Keys]);
}
