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

#[test]
fn a_rule_is_shared_only_if_head_and_the_index_have_it() {
    let made = Made::new();
    made.write(".gitignore", "# none yet\n");
    made.commit("rules");
    made.write(".gitignore", ".env\n");
    assert_eq!(ignored(&made, &[".env"]), [(false, false)], "a change that is not committed");
    made.git(&["update-index", "--skip-worktree", ".gitignore"]);
    assert_eq!(ignored(&made, &[".env"]), [(false, false)], "a change that git does not look at");
    made.git(&["update-index", "--no-skip-worktree", ".gitignore"]);
    made.git(&["add", ".gitignore"]);
    assert_eq!(ignored(&made, &[".env"]), [(false, false)], "a change that is staged alone");
    made.commit("rules");
    assert_eq!(ignored(&made, &[".env"]), [(true, false)]);
    // A change that leaves the rule alone takes nothing from it.
    made.write(".gitignore", "*.log\n.env\n");
    assert_eq!(ignored(&made, &[".env"]), [(true, false)]);
}

#[test]
fn a_rule_that_is_added_by_intent_alone_is_not_shared() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.git(&["add", "-N", ".gitignore"]);
    assert_eq!(ignored(&made, &[".env"]), [(false, false)]);
}

#[test]
fn a_file_that_this_clone_alone_takes_for_its_rules_shares_none() {
    let made = Made::new();
    made.write("config/.gitignore", ".env\n");
    made.commit("rules");
    made.git(&["config", "core.excludesFile", made.root.join("config/.gitignore").to_str().unwrap()]);
    assert_eq!(ignored(&made, &[".env", "config/.env"]), [(false, false), (true, false)]);
}

#[test]
fn a_rule_of_another_case_is_none() {
    let made = Made::new();
    made.write(".gitignore", "*.ENV\nid_rsa\n");
    made.commit("rules");
    made.git(&["config", "core.ignoreCase", "true"]);
    assert_eq!(ignored(&made, &[".env", "id_rsa"]), [(false, false), (true, false)]);
}

#[test]
fn rules_with_a_nul_byte_are_not_judged() {
    let made = Made::new();
    made.write("app/.gitignore", "!.env\0x\n");
    made.write(".gitignore", ".env\n");
    made.commit("rules");
    let asked =
        |name: &str| ignore::answer(&open::open(&made.root).unwrap(), &IgnoredAsk { names: vec![name.to_owned()] });
    assert!(matches!(asked("app/.env"), Err(Unseen::Malformed(what)) if what.contains("NUL")));
    assert!(asked(".env").is_ok());
}

#[test]
fn an_env_file_that_was_too_large_to_read_was_in_the_history_all_the_same() {
    let made = Made::new();
    made.write(".env", &"a".repeat(usize::try_from(content::LARGEST).unwrap() + 1));
    made.commit("large");
    made.git(&["rm", "-q", ".env"]);
    made.commit("gone");
    let scan = made.scan();
    let file = scan.env.files.iter().find(|file| file.path == ".env").unwrap();
    assert!(file.first.is_some() && !file.exists);
    assert!(scan.coverage.gaps.iter().any(|gap| gap.kind == GapKind::OverSize));
}

#[test]
fn the_context_of_a_build_decides_which_dockerignore_is_read() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.write(".env", "A=1\n");
    made.write("docker/Dockerfile", "FROM scratch\nCOPY . /app\n");
    let scan = made.scan();
    assert_eq!((scan.env.shipped.len(), scan.env.shipping_gaps.len()), (1, 0));
    made.write("docker/.dockerignore", ".env\n");
    let scan = made.scan();
    assert_eq!((scan.env.shipped.len(), scan.env.shipping_gaps.len()), (0, 1), "{:?}", scan.env.shipping_gaps);
    made.write(".dockerignore", "{.env}\n");
    assert_eq!(made.scan().env.shipping_gaps.len(), 1, "braces are letters");
    made.write(".dockerignore", "**/.env\n");
    let scan = made.scan();
    assert_eq!((scan.env.shipped.len(), scan.env.shipping_gaps.len()), (0, 0));
}

#[test]
fn a_package_that_lists_its_folder_or_the_file_takes_it_along() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.write(".env", "A=1\n");
    for (files, shipped) in [("[\".\"]", 1), ("[\"/.env\"]", 1), ("[\".\",\"!.env\"]", 0), ("[\"dist\"]", 0)] {
        made.write("package.json", &format!("{{\"name\":\"x\",\"files\":{files}}}"));
        assert_eq!(made.scan().env.shipped.len(), shipped, "{files}");
    }
}

#[test]
fn no_token_is_recorded_that_a_path_a_key_or_a_rule_is_named_after() {
    let made = Made::new();
    let secret = token("n");
    made.write(".gitignore", &format!(".env\n.env.{secret}\n"));
    made.write(&format!("{secret}.txt"), &format!("token {secret}\n"));
    made.write("Dockerfile", &format!("FROM scratch\nCOPY .env.{secret} /app\n"));
    made.commit("names");
    made.write(&format!(".env.{secret}"), &format!("{secret}=1\nA_TOKEN={secret}\n"));
    let scan = made.scan();
    assert!(!scan.leaks.found.is_empty() && !scan.env.shipped.is_empty());
    let ask = IgnoredAsk { names: vec![".env".into()] };
    let ignored = ignore::answer(&open::open(&made.root).unwrap(), &ask).unwrap();
    let lines = Lines { globs: vec!["*.txt".into()], pattern: ".".into() };
    let budget = Budget::new(Arc::default(), Duration::from_mins(1));
    let lines = lines::find(&open::open(&made.root).unwrap(), &lines, &budget).unwrap();
    assert!(!lines.lines.is_empty());
    let kept = [
        serde_json::to_string(&scan.leaks),
        serde_json::to_string(&scan.env),
        serde_json::to_string(&scan.coverage),
        serde_json::to_string(&ignored),
        serde_json::to_string(&lines),
    ];
    for text in kept {
        let text = text.unwrap();
        assert!(!text.contains(&secret), "{text}");
    }
}
