"""Iceberg tables in S3, through pyiceberg without pyarrow: staged by producers, verified by central.

Only functions with the layer `staging` may import what is below.
"""
