"""A module for each verb of the command line; none of them imports another one."""
