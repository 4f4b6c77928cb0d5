// Making a data root: what `hauspost init` does, for set-up too.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/context.h"

namespace hauspost::cli {

struct InitOptions {
  std::string config;  // where the settings go; empty: supervisor::default_settings_file()
  std::string hostname;
  int port_base = 0;  // 0: the standard ports
  bool standard_ports = false;
  std::vector<std::string> bind;
  std::string certificate;
  std::string key;
  bool users = false;  // each role gets the package's user; for its data root they do anyway
};

// Makes the data root and settings, whole or not at all, and says nothing. Exit::kUsage,
// Exit::kRefused.
Outcome<> make_server(Context& context, const InitOptions& options);
// This machine's, lower case; perhaps not a full one.
std::string own_hostname();

}  // namespace hauspost::cli
