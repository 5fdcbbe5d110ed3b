"""Every text that a user reads, in English and in Chinese: one source for pages, terminals and reports.

A catalogue is an enumeration whose members are phrases. Code names a phrase by its member, `Page.TITLE`, so that the
type checker finds a wrong name. Data names it by its key, `"embedded-broker"`; `catalogues` finds the member. No other
room holds a Chinese text.
"""
