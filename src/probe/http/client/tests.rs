use super::*;

#[test]
fn a_path_that_a_url_library_would_change_is_written_by_hand() {
    let origin = Url::parse("http://127.0.0.1:8080/").unwrap();
    for path in ["/a/../b", "/a/%2e%2e/b", "/a/./b", "/a#b", "/a b", "http://127.0.0.1/a", "*", "/{id}", "\\a"] {
        assert!(is_rewritten(&origin, path), "{path}");
    }
    for path in ["/", "/a//b", "/a?b=c%20d", "/a;x/", "/%252e", "/a%2fb", "//a"] {
        assert!(!is_rewritten(&origin, path), "{path}");
    }
}

#[test]
fn never_holds_for_other_spellings_of_the_path() {
    for path in ["/admin", "/admin/users", "/x/../admin", "//admin/x", "/ADMIN", "/x/%2e%2e/admin"] {
        assert!(is_under(path, "/admin"), "{path}");
    }
    assert!(!is_under("/api", "/admin"));
}
