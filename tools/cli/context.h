// What every verb gets: the global options, the server on demand, and the way out to the terminal.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tools/cli/json.h"
#include "tools/cli/server.h"

namespace hauspost::cli {

struct GlobalOptions {
  std::string data;  // as given; empty: look for it
  bool json = false;
  bool yes = false;
};

class Context {
 public:
  explicit Context(const GlobalOptions& options) : options_(options) {}

  bool json() const { return options_.json; }
  // The data root: --data or HAUSPOST_DATA, else ./data, else /var/lib/hauspost; absolute.
  // Exit::kUsage when none of them is one.
  Outcome<std::string> data_root() const;
  // Where `hauspost init` makes one: the same rule without asking that it exists.
  Outcome<std::string> new_data_root() const;
  // Connects at the first use.
  Outcome<Server*> server();

  template <class Request>
  Outcome<typename admin::CallOf<Request>::Reply> ask(const Request& request) {
    TRY_ASSIGN(Server * there, server());
    return there->ask(request);
  }

  // Asks on the terminal unless --yes; Exit::kUsage when there is no terminal to ask on,
  // Exit::kRefused when the answer is not "yes".
  Outcome<> confirm(const std::string& what) const;

  // One line for people; nothing with --json.
  void say(const std::string& line) const;
  // The whole answer with --json; nothing otherwise.
  void print(const Json& value) const;

 private:
  GlobalOptions options_;
  std::unique_ptr<Server> server_;
};

using Verb = std::function<Outcome<>(Context&)>;

}  // namespace hauspost::cli
