DROP TABLE token_use;
DROP TABLE token_identity;
