"""The steps of a release that a person or CodeBuild calls: the tag's check, publish, verify."""
