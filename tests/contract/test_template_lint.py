"""What cfn-lint and checkov find in the templates is mended, or answered in one line that says why."""

from tools.template_lint import Answer, Finding, answers, faults

ANSWERED = Answer("CKV_1", "AWS::SQS::Queue.*", "because")
FOUND = Finding("CKV_1", "template.json", "AWS::SQS::Queue.Inbox", "no key")


def test_a_finding_without_an_answer_is_a_fault():
    assert faults([FOUND], [ANSWERED]) == []
    assert faults([FOUND], []) == ["template.json: AWS::SQS::Queue.Inbox: CKV_1 no key"]


def test_an_answer_is_for_its_rule_and_its_resources_alone():
    others = [FOUND._replace(id="CKV_2"), FOUND._replace(resource="AWS::SNS::Topic.People")]

    assert len(faults([FOUND, *others], [ANSWERED])) == 2


def test_an_answer_to_nothing_is_a_fault():
    assert faults([], [ANSWERED]) == ["template_findings.yaml: CKV_1 AWS::SQS::Queue.*: nothing is found"]


def test_each_answer_says_why():
    assert [answer for answer in answers() if len(answer.reason) < 10] == []
