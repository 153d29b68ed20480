"""The roles of the warehouse: their passwords, their privileges, and what creates them."""
