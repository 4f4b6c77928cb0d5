// --external and --internal of `imap set` and `pop3 set`: where mail programs are told to connect.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

#include "tools/cli/json.h"

namespace hauspost::cli {

struct ConnectionOptions {
  std::vector<std::string> external;
  std::vector<std::string> internal;
};

inline void add_connection_options(CLI::App& verb, ConnectionOptions& options) {
  verb.add_option("--external", options.external,
                  "Where users are told to connect, in place of all before; may be given several "
                  "times; SSL: TLS at once, TLS: STARTTLS, nothing: neither; \"\": tell them "
                  "nothing")
      ->type_name("HOST:PORT:SSL|TLS|")
      ->allow_extra_args(false);
  verb.add_option("--internal", options.internal,
                  "The same for the inside, told to administrators; \"\": as it listens")
      ->type_name("HOST:PORT:SSL|TLS|")
      ->allow_extra_args(false);
}

// Whether anything was asked for.
template <class Request>
bool ask_connections(const ConnectionOptions& options, Request& request) {
  const auto add = [](const std::vector<std::string>& texts, auto& settings) {
    for (const std::string& text : texts) {
      if (!text.empty()) settings.add_settings(text);
    }
  };
  if (!options.external.empty()) add(options.external, *request.mutable_external());
  if (!options.internal.empty()) add(options.internal, *request.mutable_internal());
  return request.has_external() || request.has_internal();
}

template <class Texts>
Json connection_json(const Texts& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

template <class Texts>
std::string connection_words(const Texts& texts, std::string_view none) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out.empty() ? std::string(none) : out;
}

}  // namespace hauspost::cli
