//! t
wit_bindgen::generate!({ path: ["../../wit/store", "../../wit/bucket", "../../wit"], world: "billet:worlds/gateway", generate_all });
