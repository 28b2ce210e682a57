"""What runs did, as OpenLineage run events: https://openlineage.io/docs/spec/object-model."""
