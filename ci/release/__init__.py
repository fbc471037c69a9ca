"""The steps of a release that a person or CodeBuild starts, such as check_tag and publish."""
