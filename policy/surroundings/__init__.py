"""What rules about the surroundings of both services share: fields, versions, operators, secrets, monitoring."""
