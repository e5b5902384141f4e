"""Style plates painted by code: every module here with a ``paint`` function is one plate."""
