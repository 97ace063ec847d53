"""Tags of repositories over the CodeCommit API, and the policies that ask about them."""

from __future__ import annotations

from codecommit_at_hand import Service, access_denied, allow, deny, fresh, refused


def test_tags_given_with_a_new_repository_are_listed(service: Service) -> None:
    tags = {"Team": "core", "Kosten stelle/é": "", "k" * 128: "v" * 256}
    name = service.repository(tags=tags)
    answer = service.codecommit().list_tags_for_resource(resourceArn=service.arn(name))
    assert answer["tags"] == tags
    assert "nextToken" not in answer


def test_tags_are_added_changed_and_removed(service: Service) -> None:
    client, arn = service.codecommit(), service.arn(service.repository(tags={"a": "1"}))
    assert set(client.tag_resource(resourceArn=arn, tags={"a": "2", "b": "3"})) == {"ResponseMetadata"}
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2", "b": "3"}
    assert set(client.untag_resource(resourceArn=arn, tagKeys=["a", "never"])) == {"ResponseMetadata"}
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "3"}


def test_a_repository_holds_fifty_tags_and_no_more(service: Service) -> None:
    client, arn = service.codecommit(), service.arn(service.repository(tags={f"k{n}": "" for n in range(50)}))
    with refused(client, "TooManyTagsException"):
        client.tag_resource(resourceArn=arn, tags={"one": "more"})
    client.tag_resource(resourceArn=arn, tags={"k0": "changed"})
    assert len(client.list_tags_for_resource(resourceArn=arn)["tags"]) == 50


def test_an_arn_of_another_region_is_not_answered_here(service: Service) -> None:
    client, name = service.codecommit("us-east-2"), fresh("repository")
    service.codecommit("eu-west-1").create_repository(repositoryName=name)
    with refused(client, "InvalidResourceArnException"):
        client.list_tags_for_resource(resourceArn=service.arn(name, "eu-west-1"))


def test_an_arn_of_another_account_is_denied_even_to_root_and_touches_nothing(
    service: Service, other_account: Service
) -> None:
    name = service.repository(tags={"mine": "yes"})
    other_account.codecommit().create_repository(repositoryName=name, tags={"theirs": "yes"})
    client, theirs = service.codecommit(), other_account.arn(name)
    with access_denied(on=theirs):
        client.list_tags_for_resource(resourceArn=theirs)
    with access_denied(on=theirs):
        client.untag_resource(resourceArn=theirs, tagKeys=["mine", "theirs"])
    assert client.list_tags_for_resource(resourceArn=service.arn(name))["tags"] == {"mine": "yes"}


def test_a_policy_can_ask_for_the_tags_of_a_repository(service: Service) -> None:
    client = service.codecommit(
        keys=service.user(
            allow("codecommit:GetRepository", Condition={"StringEquals": {"aws:ResourceTag/team": "core"}})
        )
    )
    core, other = service.repository(tags={"team": "core"}), service.repository(tags={"team": "web"})
    client.get_repository(repositoryName=core)
    with access_denied(on=service.arn(other)):
        client.get_repository(repositoryName=other)
    service.codecommit().tag_resource(resourceArn=service.arn(core), tags={"team": "web"})
    with access_denied(on=service.arn(core)):
        client.get_repository(repositoryName=core)


def test_a_policy_can_ask_for_the_tags_of_a_request(service: Service) -> None:
    create = allow(
        "codecommit:CreateRepository", Condition={"StringEquals": {"aws:RequestTag/team": ["core", "web"]}}
    )
    tag = allow(
        "codecommit:TagResource",
        "codecommit:UntagResource",
        Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}},
    )
    client = service.codecommit(keys=service.user(create, tag))
    name, untagged = fresh("repository"), fresh("repository")
    client.create_repository(repositoryName=name, tags={"team": "web"})
    with access_denied(on=service.arn(untagged)):
        client.create_repository(repositoryName=untagged)
    client.tag_resource(resourceArn=service.arn(name), tags={"stage": "test"})
    with access_denied(on=service.arn(name)):
        client.tag_resource(resourceArn=service.arn(name), tags={"stage": "test", "team": "core"})
    with access_denied(on=service.arn(name)):
        client.untag_resource(resourceArn=service.arn(name), tagKeys=["team"])
    client.untag_resource(resourceArn=service.arn(name), tagKeys=["stage"])


def test_tags_and_names_work_without_a_right_to_the_key(service: Service) -> None:
    name, new = service.repository(), fresh("renamed")
    client = service.codecommit(keys=service.user(allow("codecommit:*"), deny("kms:*")))
    client.tag_resource(resourceArn=service.arn(name), tags={"a": "1"})
    assert client.list_tags_for_resource(resourceArn=service.arn(name))["tags"] == {"a": "1"}
    client.untag_resource(resourceArn=service.arn(name), tagKeys=["a"])
    client.update_repository_name(oldName=name, newName=new)
    assert new in {found["repositoryName"] for found in client.list_repositories()["repositories"]}
