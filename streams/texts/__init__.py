"""Every text that a user reads, in English and in Chinese: one source for pages, terminals and reports.

A catalogue is an enumeration; its members are phrases. Code names a phrase by its member, `Page.TITLE`, so that a wrong
name is found by the type checker. Data names it by its key, `"embedded-broker"`; `catalogues` finds the member.
"""
