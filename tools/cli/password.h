// Where a new password comes from: standard input, the terminal without echo, or made here.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "base/log.h"
#include "tools/cli/outcome.h"

namespace hauspost::cli {

inline constexpr std::size_t kGeneratedPasswordCharacters = 20;  // about 114 bits
inline constexpr std::size_t kPasswordBytesMax = 1024;

struct PasswordOptions {
  bool from_stdin = false;
  bool generate = false;
};

struct NewPassword {
  Secret secret;
  bool generated = false;  // then it is shown once
};

void add_password_options(CLI::App& verb, PasswordOptions& options);

// Exit::kUsage when it may come from nowhere, is empty, too long, or was typed in two ways.
Outcome<NewPassword> obtain_password(const PasswordOptions& options, const std::string& owner);

// One that exists already: the first line of standard input, or typed once. Exit::kUsage as above.
Outcome<Secret> obtain_secret(bool from_stdin, const std::string& owner,
                              std::size_t bytes_max = kPasswordBytesMax);

}  // namespace hauspost::cli
