use super::*;

const YAML: &str = r##"
openapi: 3.0.3
servers: [{ url: https://elsewhere.example.com/v1 }]
security: [{ bearer: [] }]
paths:
  /items/{id}:
    parameters:
      - { $ref: "#/components/parameters/Id" }
    get:
      parameters:
        - { name: page, in: query, required: true, schema: { type: integer, minimum: 1, maximum: 9 } }
        - { name: sort, in: query, schema: { type: string } }
    delete: { security: [] }
  /items:
    post:
      requestBody:
        required: true
        content:
          application/json; charset=utf-8:
            schema: { $ref: "#/components/schemas/Item" }
components:
  parameters:
    Id: { name: id, in: path, required: true, schema: { type: integer }, example: 7 }
  schemas:
    Item: { type: object, required: [title], properties: { title: { type: string, maxLength: 5 } } }
"##;

#[test]
fn yaml_is_read_with_references_examples_and_the_servers_path() {
    let found = operations(YAML).unwrap();
    assert_eq!(found.unread, Vec::<String>::new());
    let listed: Vec<String> =
        found.operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(listed, ["GET /v1/items/7?page=1", "DELETE /v1/items/7", "POST /v1/items"]);
    assert!(found.operations[0].secured);
    assert!(!found.operations[1].secured);
    assert_eq!(found.operations[2].example, Some(serde_json::json!({"title": "1"})));
    assert!(found.operations[2].body_required);
}

#[test]
fn json_gives_the_same_as_yaml() {
    let yaml: serde_yaml::Value = serde_yaml::from_str(YAML).unwrap();
    let json = serde_json::to_string(&serde_json::to_value(yaml).unwrap()).unwrap();
    assert_eq!(operations(&json).unwrap(), operations(YAML).unwrap());
}

#[test]
fn what_cannot_be_read_is_said() {
    let text = r##"{"openapi": "3.1.0", "paths": {"/a/{b}": {"get": {}}, "/c": {"$ref": "#/nowhere"}}}"##;
    let found = operations(text).unwrap();
    assert_eq!(found.operations.len(), 0);
    assert_eq!(found.unread.len(), 2);
    for text in ["", "[", "<html>", "{}", r#"{"swagger": "2.0"}"#, r#"{"openapi": "4.0"}"#] {
        assert!(matches!(operations(text), Err(Unseen::Malformed(_))), "{text}");
    }
}

#[test]
fn further_servers_are_said_by_name_unless_they_are_other_hosts() {
    let text = r#"{"openapi": "3.1.0", "servers": [{"url": "https://a.example/v1"}, {"url": "https://a.example/v2"},
            {"url": "/legacy"}, {"url": "https://staging.example/v1"}, {"url": "https://a.example/v1/"}],
            "paths": {"/a": {"servers": [{"url": "/x"}], "get": {"servers": [{"url": "/y"}]}}}}"#;
    let found = operations(text).unwrap();
    assert_eq!(
        found.unread,
        [
            "the operations under the further server https://a.example/v2",
            "the operations under the further server /legacy",
            "the servers that the path /a has of its own",
            "the servers that get /a has of its own",
        ]
    );
}

#[test]
fn nested_aliases_do_not_explode() {
    let mut text = String::from("openapi: 3.0.0\na0: &a0 [x, x]\n");
    for level in 1..40 {
        let before = level - 1;
        let line = format!("a{level}: &a{level} [*a{before}, *a{before}]\n");
        text.push_str(&line);
    }
    assert!(operations(&text).is_err());
}
