"""The fault sweep: each AWS call of each flow, disturbed in each way. `make sweep`; docs/faults.md."""
