// The steps of `hauspost setup`: finding what is there, starting the server, doing each step by the
// admin call of the verb that would do it.
#pragma once

#include "base/log.h"
#include "tools/cli/context.h"
#include "tools/cli/setup_plan.h"

namespace hauspost::cli {

// Secrets that steps need; read before the first step, so that none fails for want of them.
struct SetupSecrets {
  Secret mailbox;
  bool generated = false;
  Secret smart_host;
};

// What the server knows, when one runs at `root`.
Outcome<SetupState> find_setup_state(Context& context, const std::string& root);
// Completes `state.addresses` with those of `wanted` that exist. REQUIRES: a server.
Outcome<> find_addresses(Context& context, const std::vector<std::string>& wanted,
                         SetupState& state);

// Starts hauspostd as the answer "start" says and waits until every role answers.
// Exit::kUnreachable when it does not, or when nobody is to start it.
Outcome<> start_server(const std::string& root, const std::string& how);

struct StepOutcome {
  std::string note;  // what people should know of it; empty: done as planned
  bool done = true;
};
// Notes that a set-up is under way, or that it has ended. REQUIRES: a server.
Outcome<> mark_under_way(Context& context, bool under_way);
// REQUIRES: not kInit and not kStart; a server.
Outcome<StepOutcome> do_step(Context& context, const SetupStep& step, const Answers& answers,
                             const SetupState& state, const SetupSecrets& secrets);

// setup_names.cc: what the server knows of policies and orders; and the steps about them.
Outcome<> find_names_state(Context& context, SetupState& state);
Outcome<> set_sts_mode(Context& context, const std::string& mode);
Outcome<StepOutcome> order_certificates(Context& context, const Answers& answers);

// The first line of a file. Exit::kUsage when it cannot be read or is empty.
Outcome<Secret> secret_from_file(const std::string& path);

}  // namespace hauspost::cli
