"""The same read with other tools, each as its own documentation has it done.

All take one file: `url`, `organization_id`, `client_key`, `client_secret`, `start_date`, `end_date`, `num_workers`,
and `contact_ids` for the streams that are read contact by contact.
"""
