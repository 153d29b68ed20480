"""dbt in this process: a project, its manifest, and its warehouse through dbt's own adapter."""
