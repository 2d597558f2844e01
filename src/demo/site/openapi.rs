//! The description of the API; the service validates by the same schemas that it publishes.

use serde_json::{Value, json};

/// The body of `POST /api/items`.
pub(super) fn new_item() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9 ]+$" },
            "quantity": { "type": "integer", "minimum": 0, "maximum": 1000 },
            "note": { "type": "string", "maxLength": 200 }
        },
        "required": ["name", "quantity"],
        "additionalProperties": false
    })
}

pub(super) fn identifier() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 })
}

pub(super) fn page_size() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 100 })
}

pub(super) fn search_term() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9 ]+$" })
}

pub(super) fn document() -> Value {
    let item = json!({ "$ref": "#/components/schemas/Item" });
    let answers = |schema: Value| {
        json!({
            "200": { "description": "the answer", "content": { "application/json": { "schema": schema } } },
            "400": { "$ref": "#/components/responses/Invalid" },
            "401": { "$ref": "#/components/responses/Denied" },
            "429": { "$ref": "#/components/responses/Limited" }
        })
    };
    let failure = |text: &str| {
        json!({
            "description": text,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } }
        })
    };
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Stock keeping", "version": "1.0.0" },
        "security": [{ "bearer": [] }],
        "paths": {
            "/api/items": {
                "get": {
                    "summary": "List items",
                    "parameters": [
                        { "name": "limit", "in": "query", "required": false, "schema": page_size(), "example": 10 }
                    ],
                    "responses": answers(json!({ "type": "array", "items": item }))
                },
                "post": {
                    "summary": "Add an item",
                    "requestBody": {
                        "required": true,
                        "content": { "application/json": {
                            "schema": new_item(),
                            "example": { "name": "Washer", "quantity": 12 }
                        } }
                    },
                    "responses": {
                        "201": { "description": "added", "content": { "application/json": { "schema": item } } },
                        "400": { "$ref": "#/components/responses/Invalid" },
                        "401": { "$ref": "#/components/responses/Denied" },
                        "429": { "$ref": "#/components/responses/Limited" }
                    }
                }
            },
            "/api/items/{id}": {
                "get": {
                    "summary": "One item",
                    "parameters": [
                        { "name": "id", "in": "path", "required": true, "schema": identifier(), "example": 1 }
                    ],
                    "responses": answers(item.clone())
                }
            },
            "/api/search": {
                "get": {
                    "summary": "Search items by name",
                    "parameters": [
                        { "name": "q", "in": "query", "required": true, "schema": search_term(), "example": "bolt" }
                    ],
                    "responses": answers(json!({ "type": "array", "items": item }))
                }
            },
            "/api/status": {
                "get": {
                    "summary": "How the service is",
                    "responses": answers(json!({ "type": "object" }))
                }
            }
        },
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "schemas": {
                "Item": {
                    "type": "object",
                    "properties": {
                        "id": identifier(),
                        "name": { "type": "string" },
                        "quantity": { "type": "integer" }
                    },
                    "required": ["id", "name", "quantity"]
                },
                "Failure": {
                    "type": "object",
                    "properties": { "error": { "type": "string" }, "message": { "type": "string" } },
                    "required": ["error", "message"]
                }
            },
            "responses": {
                "Invalid": failure("the request is not valid"),
                "Denied": failure("no valid credential"),
                "Limited": failure("too many requests")
            }
        }
    })
}

/// Whether `value` satisfies `schema`; a schema that cannot be compiled admits nothing.
pub(super) fn admits(schema: &Value, value: &Value) -> bool {
    jsonschema::validator_for(schema).is_ok_and(|validator| validator.is_valid(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_are_valid_and_a_broken_constraint_is_not() {
        let document = document();
        let example = &document["paths"]["/api/items"]["post"]["requestBody"]["content"]["application/json"]["example"];
        assert!(admits(&new_item(), example));
        for broken in [json!({ "name": "a" }), json!({ "name": "a", "quantity": "1" }), json!([]), json!(null)] {
            assert!(!admits(&new_item(), &broken), "{broken}");
        }
    }

    #[test]
    fn at_least_five_operations_are_described() {
        let operations: usize =
            document()["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert!(operations >= 5);
    }
}
