// hauspost setup: from nothing to a mail server, and again whenever something is to change.
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/random.h"
#include "base/text.h"
#include "server/supervisor/settings.h"
#include "tools/cli/commands.h"
#include "tools/cli/init.h"
#include "tools/cli/password.h"
#include "tools/cli/setup_ask.h"
#include "tools/cli/setup_report.h"
#include "tools/cli/setup_run.h"
#include "tools/cli/table.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

struct SetupOptions {
  std::map<std::string, std::vector<std::string>> given;  // by key of the answers
  std::string answers_file;
  bool unattended = false;
  bool print_answers = false;
  bool dry_run = false;
};

std::string login_name() {
  for (const char* variable : {"SUDO_USER", "LOGNAME", "USER"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != 0) return ascii_lower(value);
  }
  return {};
}

Outcome<Answers> collect_answers(const SetupOptions& options) {
  Answers answers;
  for (const auto& [key, values] : options.given)
    if (!values.empty()) TRY(answers.set(key, fmt::format("{}", fmt::join(values, " "))));
  if (options.answers_file.empty()) return answers;
  const auto text = file_text(options.answers_file);
  if (!text) return usage(text.error().text);
  TRY(read_answers(*text, answers));
  return answers;
}

// An old one, else where `hauspost init` would make one.
Outcome<std::string> root_of_setup(const Context& context) {
  const auto old = context.data_root();
  if (old) return *old;
  if (old.error().exit == Exit::kUnreachable) return old;  // there, and closed to us
  return context.new_data_root();
}

// Files are named from here, and read by a server that stands elsewhere.
void make_absolute(Answers& answers) {
  for (const std::string_view key : {"certificate-file", "key-file", "acme-ca-file"}) {
    const std::string path = answers.text(key);
    std::error_code code;
    const auto whole = std::filesystem::absolute(path, code).lexically_normal();
    if (!path.empty() && !code) (void)answers.set(key, whole.string());
  }
}

bool has_step(const std::vector<SetupStep>& steps, StepKind kind) {
  return std::ranges::any_of(steps, [&](const SetupStep& step) { return step.kind == kind; });
}

bool is_done(const SetupReport& report, StepKind kind) {
  return std::ranges::any_of(report.steps,
                             [&](const auto& one) { return one.step.kind == kind && one.done; });
}

Outcome<SetupSecrets> read_secrets(const std::vector<SetupStep>& steps, const Answers& answers,
                                   bool unattended) {
  SetupSecrets secrets;
  if (has_step(steps, StepKind::kMailbox)) {
    if (const std::string file = answers.text("password-file"); !file.empty()) {
      TRY_ASSIGN(secrets.mailbox, secret_from_file(file));
    } else if (answers.yes("generate-password")) {
      secrets.mailbox = Secret(random_password(kGeneratedPasswordCharacters));
      secrets.generated = true;
    } else if (unattended) {
      return usage(
          fmt::format("mailbox {}: no password: give --password-file FILE or "
                      "--generate-password yes; or --mailbox none",
                      answers.text("mailbox")));
    } else {
      const PasswordOptions where{.from_stdin = ::isatty(STDIN_FILENO) == 0, .generate = false};
      TRY_ASSIGN(auto typed, obtain_password(where, "mailbox " + answers.text("mailbox")));
      secrets.mailbox = std::move(typed.secret);
    }
  }
  const std::string file = answers.text("smart-host-password-file");
  const bool smart = answers.text("send") == "smart-host" && !file.empty();
  if (smart && has_step(steps, StepKind::kSendConnector)) {
    TRY_ASSIGN(secrets.smart_host, secret_from_file(file));
  }
  return secrets;
}

Outcome<> make_root(Context& context, const Answers& answers) {
  InitOptions init;
  init.hostname = answers.text("hostname");
  const auto base = parse_u64(answers.text("port-base")).value_or(0);
  init.port_base = static_cast<int>(std::min<std::uint64_t>(base, 65536));  // which is refused
  init.bind = answers.list("bind");
  if (answers.text("certificate") == "files") {
    init.certificate = answers.text("certificate-file");
    init.key = answers.text("key-file");
  }
  return make_server(context, init);
}

Outcome<StepOutcome> take_step(Context& context, const SetupStep& step, const Answers& answers,
                               const SetupState& state, const SetupSecrets& secrets) {
  if (step.kind == StepKind::kInit) {
    TRY(make_root(context, answers));
    return StepOutcome{};
  }
  if (step.kind == StepKind::kStart) {
    TRY(start_server(state.root, answers.text("start")));
    return StepOutcome{};
  }
  return do_step(context, step, answers, state, secrets);
}

void say_plan(Context& context, const std::vector<SetupStep>& steps) {
  if (steps.empty()) {
    context.say("Everything that was asked for is there already.\n");
    return;
  }
  context.say("To do:");
  for (std::size_t i = 0; i < steps.size(); ++i)
    context.say(fmt::format("  {:>2}. {}", i + 1, printable(steps[i].text)));
  context.say("");
}

// After a failure: nobody can tell it again.
void tell_password(const std::string& mailbox, const Secret& password) {
  fmt::print(stderr, "The password of {} is {}  (it is not shown again)\n", printable(mailbox),
             password.reveal());
}

// What was done is there after a failure, and the next run goes on behind it.
Outcome<> take_steps(Context& context, const std::vector<SetupStep>& steps, const Answers& answers,
                     const SetupState& state, const SetupSecrets& secrets, SetupReport& report) {
  bool marked = state.settings.under_way();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool served = steps[i].kind != StepKind::kInit && steps[i].kind != StepKind::kStart;
    if (state.fresh() && served && !marked) {
      TRY(mark_under_way(context, true));
      marked = true;
    }
    const auto done = take_step(context, steps[i], answers, state, secrets);
    if (!done) {
      Failure failure = done.error();
      failure.text =
          fmt::format("step {} of {}, to {}: {}", i + 1, steps.size(), steps[i].text, failure.text);
      if (i > 0) failure.text += "; what came before is done, and a next run goes on here";
      return std::unexpected(std::move(failure));
    }
    report.steps.push_back({steps[i], done->done, done->note});
    context.say(fmt::format("[{}/{}] {}{}", i + 1, steps.size(), printable(steps[i].text),
                            done->done ? "" : " - " + printable(done->note)));
  }
  if (marked) TRY(mark_under_way(context, false));
  if (!steps.empty()) context.say("");
  return {};
}

// The server of a data root that is there has to run before anybody knows what it has.
Outcome<SetupState> look_around(Context& context, const Answers& answers, bool only_looks) {
  TRY_ASSIGN(const std::string root, root_of_setup(context));
  TRY_ASSIGN(SetupState state, find_setup_state(context, root));
  if (!state.root_there || state.running) return state;
  if (only_looks)
    return std::unexpected(
        Failure{Exit::kUnreachable, "unreachable",
                fmt::format("{}: its server does not run, so nobody knows what is missing; start "
                            "it, then try again",
                            root)});
  TRY(start_server(root, answers.text("start")));
  context.say("The server is started.");
  return find_setup_state(context, root);
}

Outcome<> run_setup(Context& context, SetupOptions& options) {
  const bool asks = !options.unattended && options.answers_file.empty() && !options.print_answers;
  TRY_ASSIGN(Answers answers, collect_answers(options));
  const bool only_looks = options.dry_run || options.print_answers;
  TRY_ASSIGN(SetupState state, look_around(context, answers, only_looks));
  const std::string machine = supervisor::is_host_name(own_hostname()) ? own_hostname() : "";
  propose_answers(state, machine, login_name(), answers);
  if (options.print_answers) {
    fmt::print("{}", answers_template(answers));
    return {};
  }
  if (asks) {
    fmt::print(stderr,
               "Enter takes what stands in brackets. Nothing is done before you say so.\n\n");
    TRY(ask_answers(state, machine, login_name(), answers));
  }
  TRY(check_answers(answers, !state.root_there));
  if (state.running && answers.given("hostname") &&
      !iequals(answers.text("hostname"), state.hostname))
    return usage(
        fmt::format("hostname {}: this server is {} already; change it under [server] of "
                    "hauspost.toml, then restart the server",
                    printable(answers.text("hostname")), state.hostname));
  make_absolute(answers);
  if (state.running) TRY(find_addresses(context, addresses_wanted(answers), state));
  const auto steps = setup_plan(answers, state);
  say_plan(context, steps);
  SetupReport report{.root = state.root, .dry_run = options.dry_run};
  if (options.dry_run) {
    for (const SetupStep& step : steps) report.steps.push_back({step, false, "not done"});
    return print_setup_plan(context, report);
  }
  TRY_ASSIGN(const SetupSecrets secrets, read_secrets(steps, answers, !asks));
  if (asks && !steps.empty()) {
    TRY_ASSIGN(const bool go, ask_yes("Do it?"));
    if (!go) return refused(ErrorCode::kCancelled, "set-up: not wanted; nothing was done");
  }
  if (has_step(steps, StepKind::kMailbox)) report.mailbox = answers.text("mailbox");
  const auto taken = take_steps(context, steps, answers, state, secrets, report);
  if (!taken && secrets.generated && is_done(report, StepKind::kMailbox))
    tell_password(report.mailbox, secrets.mailbox);
  if (!taken) return taken;
  if (secrets.generated) report.password = std::string(secrets.mailbox.reveal());
  auto finished = finish_setup(context, report);
  // As JSON it is told at the end alone, which did not come.
  if (!finished && finished.error().exit != Exit::kPartial && secrets.generated && context.json())
    tell_password(report.mailbox, secrets.mailbox);
  return finished;
}

}  // namespace

void add_setup_command(CLI::App& app, Verb& chosen) {
  auto options = std::make_shared<SetupOptions>();
  CLI::App* verb = add_verb<SetupOptions>(
      app, "setup",
      "Set the server up, by questions or unattended; again at any time to change something",
      chosen, options, run_setup);
  verb->add_flag("--unattended", options->unattended, "Ask nothing; options say what is wanted");
  verb->add_option("--answers", options->answers_file,
                   "Unattended, with the answers of this file; options go before it")
      ->type_name("FILE");
  verb->add_flag("--print-answers", options->print_answers,
                 "Print a file of answers as they would be now, and do nothing");
  verb->add_flag("--dry-run", options->dry_run, "Show what would be done, and do nothing");
  for (const AnswerKey& key : answer_keys()) {
    auto* option = verb->add_option("--" + std::string(key.key),
                                    options->given[std::string(key.key)], std::string(key.help));
    option->allow_extra_args(false);
    switch (key.kind) {
      case AnswerKind::kYesNo: option->check(CLI::IsMember({"yes", "no"})); break;
      case AnswerKind::kNumber: option->type_name("N"); break;
      case AnswerKind::kList: option->type_name("WORD"); break;
      default: option->type_name("TEXT");
    }
    if (key.kind == AnswerKind::kChoice) {
      std::vector<std::string> choices;
      for (const std::string_view one : split(key.choices, '|')) choices.emplace_back(one);
      option->check(CLI::IsMember(choices));
    }
    if (key.kind != AnswerKind::kList) option->expected(1);
  }
}

}  // namespace hauspost::cli
