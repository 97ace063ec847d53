// A day's work by the AWS SDK for JavaScript: what `test_days_work.py` checks is printed as JSON at the end.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";

const require = createRequire(process.env.PACKAGES + "/");
const sdk = require("@aws-sdk/client-codecommit");
const client = new sdk.CodeCommitClient({ endpoint: process.env.ENDPOINT, maxAttempts: 1 });
const reviewer = new sdk.CodeCommitClient({
  endpoint: process.env.ENDPOINT,
  maxAttempts: 1,
  credentials: {
    accessKeyId: process.env.REVIEWER_KEY_ID,
    secretAccessKey: process.env.REVIEWER_SECRET,
  },
});
const ask = (name, input, by = client) => by.send(new sdk[`${name}Command`](input));
const bytes = (text) => new TextEncoder().encode(text);
const git = (...words) => execFileSync("git", words, { cwd: process.env.WORK, encoding: "utf8" }).trim();
const repositoryName = process.env.REPOSITORY;

await ask("CreateRepository", { repositoryName, repositoryDescription: "A day's work", tags: { team: "blue" } });
const first = await ask("PutFile", {
  repositoryName,
  branchName: "main",
  fileContent: bytes("one\ntwo\n"),
  filePath: "docs/days.txt",
  commitMessage: "Begin",
  name: "Mary Major",
  email: "mary@example.org",
});

git("clone", "--quiet", process.env.URL, "clone");
git("-C", "clone", "switch", "--quiet", "-c", "topic");
execFileSync("sh", ["-c", "printf 'one\\ntwo\\nthree\\n' > clone/docs/days.txt"], { cwd: process.env.WORK });
git("-C", "clone", "commit", "--quiet", "--all", "--message", "Count on");
git("-C", "clone", "push", "--quiet", "origin", "topic");
const pushed = git("-C", "clone", "rev-parse", "HEAD");

const { pullRequest } = await ask("CreatePullRequest", {
  title: "Count on",
  description: "One more day",
  targets: [{ repositoryName, sourceReference: "topic", destinationReference: "main" }],
  clientRequestToken: "days-work",
});
const { pullRequestId, revisionId } = pullRequest;
await ask("CreatePullRequestApprovalRule", {
  pullRequestId,
  approvalRuleName: "two eyes",
  approvalRuleContent: JSON.stringify({
    Version: "2018-11-08",
    Statements: [{ Type: "Approvers", NumberOfApprovalsNeeded: 1 }],
  }),
});
const comment = await ask("PostCommentForPullRequest", {
  pullRequestId,
  repositoryName,
  beforeCommitId: first.commitId,
  afterCommitId: pushed,
  location: { filePath: "docs/days.txt", filePosition: 3, relativeFileVersion: "AFTER" },
  content: "Why three?",
}, reviewer);
await ask("PostCommentReply", { inReplyTo: comment.comment.commentId, content: "It is Wednesday." });
const early = await ask("MergePullRequestBySquash", { pullRequestId, repositoryName }).then(
  () => "merged",
  (error) => (error instanceof sdk.PullRequestApprovalRulesNotSatisfiedException ? error.name : String(error)),
);
await ask("UpdatePullRequestApprovalState", { pullRequestId, revisionId, approvalState: "APPROVE" }, reviewer);
const { evaluation } = await ask("EvaluatePullRequestApprovalRules", { pullRequestId, revisionId });
const merged = await ask("MergePullRequestBySquash", { pullRequestId, repositoryName, commitMessage: "Count on" });

const tip = (await ask("GetBranch", { repositoryName, branchName: "main" })).branch.commitId;
const file = await ask("GetFile", { repositoryName, filePath: "docs/days.txt" });
const history = await ask("ListFileCommitHistory", { repositoryName, filePath: "docs/days.txt" });
const differences = await ask("GetDifferences", {
  repositoryName,
  beforeCommitSpecifier: first.commitId,
  afterCommitSpecifier: "main",
});
const threads = [];
for await (const page of sdk.paginateGetCommentsForPullRequest({ client }, { pullRequestId })) {
  threads.push(...page.commentsForPullRequestData.flatMap((thread) => thread.comments));
}

console.log(JSON.stringify({
  approved: evaluation.approved,
  changed: differences.differences.map((each) => [each.changeType, each.afterBlob.path]),
  comments: threads.map((each) => each.content),
  early,
  history: history.revisionDag.map((each) => each.commit.message.trim()),
  isMerged: merged.pullRequest.pullRequestTargets[0].mergeMetadata.isMerged,
  status: merged.pullRequest.pullRequestStatus,
  text: new TextDecoder().decode(file.fileContent),
  tip: tip === merged.pullRequest.pullRequestTargets[0].mergeMetadata.mergeCommitId,
}));
