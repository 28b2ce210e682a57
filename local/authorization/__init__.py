"""What IAM asks of a call: the resource types that its action requires, and the condition keys that it knows."""
