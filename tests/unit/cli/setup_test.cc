#include <catch2/catch.hpp>

#include "tools/cli/setup_plan.h"

using namespace hauspost::cli;

namespace {

std::vector<StepKind> kinds(const std::vector<SetupStep>& steps) {
  std::vector<StepKind> out;
  for (const SetupStep& step : steps) out.push_back(step.kind);
  return out;
}

bool has(const std::vector<SetupStep>& steps, StepKind kind, const std::string& object) {
  return std::ranges::any_of(
      steps, [&](const SetupStep& step) { return step.kind == kind && step.object == object; });
}

SetupState nothing_yet() {
  SetupState state;
  state.root = "/var/lib/hauspost";
  return state;
}

// As a server is after all steps of a plan.
SetupState after(const Answers& answers, const std::vector<SetupStep>& steps) {
  SetupState state = nothing_yet();
  state.root_there = state.running = true;
  state.hostname = answers.text("hostname");
  for (const SetupStep& step : steps) {
    switch (step.kind) {
      case StepKind::kDatabase: state.databases.push_back(step.object); break;
      case StepKind::kDomain: state.domains.push_back(step.object); break;
      case StepKind::kMailbox:
        state.addresses.push_back(step.object);
        state.any_mailbox = true;
        break;
      case StepKind::kRoleAddresses:
        state.addresses.push_back("postmaster@" + step.object);
        state.addresses.push_back("abuse@" + step.object);
        break;
      case StepKind::kEnable: state.services.push_back(step.object); break;
      case StepKind::kSendConnector: state.sends_everywhere = true; break;
      case StepKind::kDkimKey:
        state.dkim.push_back({step.object, "s1", "active", "s1._domainkey." + step.object, "p"});
        break;
      case StepKind::kSettings: state.settings = settings_wanted(answers, nothing_yet()); break;
      default: break;
    }
  }
  state.settings.set_under_way(false);  // as the end of set-up notes
  return state;
}

}  // namespace

TEST_CASE("setup: a host name is enough to propose the rest") {
  Answers answers;
  propose_answers(nothing_yet(), "mail.example.org", "anna", answers);
  CHECK(answers.text("hostname") == "mail.example.org");
  CHECK(answers.text("domain") == "example.org");
  CHECK(answers.text("mailbox") == "anna@example.org");
  CHECK(answers.text("administrator") == "anna@example.org");
  CHECK(answers.text("send") == "direct");
  CHECK(answers.text("dkim") == "rsa");
  REQUIRE(answers.set("offline", "yes"));
  propose_answers(nothing_yet(), "mail.example.org", "root", answers);
  CHECK(answers.text("mailbox") == "mail@example.org");
  CHECK(answers.text("send") == "none");
  CHECK(answers.text("dkim") == "none");
}

TEST_CASE("setup: from nothing every step is there, in an order that works") {
  Answers answers;
  propose_answers(nothing_yet(), "mail.example.org", "anna", answers);
  const auto steps = setup_plan(answers, nothing_yet());
  REQUIRE(steps.size() > 7);
  CHECK(steps[0].kind == StepKind::kInit);
  CHECK(steps[1].kind == StepKind::kStart);
  CHECK(steps[2].kind == StepKind::kDatabase);
  CHECK(steps[3].kind == StepKind::kDomain);
  CHECK(steps[4].kind == StepKind::kMailbox);
  CHECK(has(steps, StepKind::kRoleAddresses, "example.org"));
  CHECK(has(steps, StepKind::kEnable, "imap"));
  CHECK(has(steps, StepKind::kEnable, "imap-backend"));
  CHECK_FALSE(has(steps, StepKind::kEnable, "pop3"));
  CHECK(has(steps, StepKind::kDkimKey, "example.org"));
}

TEST_CASE("setup: a second run has nothing to do, whether or not the answers are repeated") {
  Answers answers;
  REQUIRE(answers.set("hostname", "mail.example.org"));
  REQUIRE(answers.set("domain", "example.org other.example"));
  REQUIRE(answers.set("mailbox", "anna@example.org"));
  REQUIRE(answers.set("pop3", "yes"));
  REQUIRE(answers.set("dmarc", "quarantine"));
  REQUIRE(answers.set("public-address", "192.0.2.1 2001:db8::1"));
  propose_answers(nothing_yet(), "", "", answers);
  const auto state = after(answers, setup_plan(answers, nothing_yet()));
  propose_answers(state, "", "", answers);
  CHECK(kinds(setup_plan(answers, state)).empty());
  Answers none;
  propose_answers(state, "", "", none);
  CHECK(kinds(setup_plan(none, state)).empty());
}

TEST_CASE("setup: a run behind one that broke off still wants all that a first one does") {
  Answers first;
  propose_answers(nothing_yet(), "mail.example.org", "anna", first);
  auto steps = setup_plan(first, nothing_yet());
  steps.resize(5);  // as far as the mailbox
  auto state = after(first, steps);
  state.settings.set_under_way(true);
  Answers again;
  propose_answers(state, "mail.example.org", "anna", again);
  const auto rest = setup_plan(again, state);
  CHECK(has(rest, StepKind::kSendConnector, "Internet"));
  CHECK(has(rest, StepKind::kDkimKey, "example.org"));
  CHECK_FALSE(has(rest, StepKind::kMailbox, "anna@example.org"));
}

TEST_CASE("setup: a later run changes what it names and nothing else") {
  Answers first;
  propose_answers(nothing_yet(), "mail.example.org", "anna", first);
  const auto state = after(first, setup_plan(first, nothing_yet()));
  const std::pair<std::pair<std::string, std::string>, StepKind> cases[] = {
      {{"imap", "no"}, StepKind::kDisable},
      {{"dmarc", "reject"}, StepKind::kSettings},
      {{"domain", "example.org second.example"}, StepKind::kDomain},
      {{"mailbox", "bert@example.org"}, StepKind::kMailbox},
      {{"database", "DB2"}, StepKind::kDatabase}};
  for (const auto& [answer, kind] : cases) {
    INFO(answer.first);
    Answers later;
    REQUIRE(later.set(answer.first, answer.second));
    propose_answers(state, "", "", later);
    const auto steps = setup_plan(later, state);
    REQUIRE_FALSE(steps.empty());
    CHECK(steps[0].kind == kind);
    if (kind == StepKind::kSettings) CHECK(steps.size() == 1);
  }
}

TEST_CASE("setup: answers that cannot be are refused and change nothing") {
  const std::pair<std::string, std::string> wrong[] = {
      {"hostname", "nodots"},      {"imap", "maybe"},       {"send", "pigeon"},
      {"port-base", "many"},       {"domain", "a..b"},      {"mailbox", "no address"},
      {"public-address", "1.2.3"}, {"mailbox", "a@b.c\nx"}, {"database", std::string(5000, 'x')}};
  for (const auto& [key, value] : wrong) {
    INFO(key << " " << value);
    Answers answers;
    CHECK_FALSE(answers.set(key, value));
    CHECK_FALSE(answers.given(key));
  }
}

TEST_CASE("setup: a file of answers reads back as it was printed") {
  Answers answers;
  REQUIRE(answers.set("hostname", "mail.example.org"));
  REQUIRE(answers.set("domain", "example.org second.example"));
  REQUIRE(answers.set("imap", "no"));
  REQUIRE(answers.set("port-base", "12000"));
  REQUIRE(answers.set("database-path", "/srv/a \"quoted\\ path"));
  propose_answers(nothing_yet(), "", "anna", answers);
  Answers again;
  REQUIRE(read_answers(answers_template(answers), again));
  for (const AnswerKey& key : answer_keys()) {
    INFO(key.key);
    CHECK(again.text(key.key) == answers.text(key.key));
  }
}

TEST_CASE("setup: a wrong file of answers is named by its line, and options go before it") {
  for (const std::string text : {"imap = true\nnonsense = 1\n", "imap = \"maybe\"\n",
                                 "imap = [1]\n", "imap = \n", "[imap]\nx = 1\n"}) {
    INFO(text);
    Answers answers;
    const auto read = read_answers(text, answers);
    REQUIRE_FALSE(read);
    CHECK(read.error().exit == Exit::kUsage);
    CHECK(read.error().text.find("line") != std::string::npos);
  }
  Answers answers;
  REQUIRE(answers.set("dmarc", "reject"));
  REQUIRE(read_answers("dmarc = \"none\"\nport_base = 12000\ntlsa = true\n", answers));
  CHECK(answers.text("dmarc") == "reject");
  CHECK(answers.text("port-base") == "12000");
  CHECK(answers.yes("tlsa"));
}

TEST_CASE("setup: answers that do not fit together are refused") {
  const auto refused = [](std::initializer_list<std::pair<std::string, std::string>> given) {
    Answers answers;
    for (const auto& [key, value] : given) REQUIRE(answers.set(key, value));
    return !check_answers(answers, true);
  };
  CHECK(refused({}));
  CHECK(refused({{"hostname", "mail.example.org"}, {"send", "smart-host"}}));
  CHECK(refused({{"hostname", "mail.example.org"}, {"certificate", "files"}}));
  CHECK(refused({{"hostname", "mail.example.org"},
                 {"send", "smart-host"},
                 {"smart-host", "relay.example.net"},
                 {"smart-host-user", "us"}}));
  CHECK_FALSE(refused({{"hostname", "mail.example.org"}}));
}
