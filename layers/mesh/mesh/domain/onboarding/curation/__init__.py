"""Curation: a recipe in AWS Glue DataBrew's format turns raw rows into a table's rows."""
