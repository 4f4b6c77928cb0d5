// A receive connector as a message, stored or on the wire: both have the same fields. Included by
// .cc files alone, next to the generated header.
#pragma once

#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/receive_connectors.h"

namespace hauspost::directory {

using RightTable = std::array<transport::RightBits, transport::kPermissionGroups>;

// "users:priority" and so on. from: kInvalid.
std::vector<std::string> words_of_rights(const RightTable& rights);
Result<> add_right(RightTable& rights, std::string_view word);
std::vector<std::string> words_of_groups(transport::GroupBits groups);
Result<transport::GroupBits> group_from_word(std::string_view word);
std::vector<std::string> words_of_extensions(smtp::ExtensionBits extensions);
Result<smtp::ExtensionBits> extension_from_word(std::string_view word);

template <class Message>
void to_message(const ReceiveConnector& from, Message& to) {
  to.set_name(from.name);
  to.set_listener(from.listener);
  for (const auto& binding : from.bindings) {
    auto* out = to.add_bindings();
    out->set_address(binding.address);
    out->set_port(binding.port);
  }
  for (const Network& network : from.remote) to.add_remote(network.to_string());
  to.set_disabled(!from.enabled);
  for (std::string& word : words_of_groups(from.permitted)) to.add_permitted(std::move(word));
  for (std::string& word : words_of_rights(from.denied)) to.add_denied(std::move(word));
  for (std::string& word : words_of_rights(from.granted)) to.add_granted(std::move(word));
  to.set_require_tls(from.require_tls);
  for (const std::string& mechanism : from.mechanisms) to.add_mechanisms(mechanism);
  to.set_fqdn(from.fqdn);
  to.set_banner(from.banner);
  for (std::string& word : words_of_extensions(from.not_offered))
    to.add_not_offered(std::move(word));
  to.set_protocol_log(from.protocol_log);
  to.set_comment(from.comment);
  to.set_advertise_client_settings(from.advertise_client_settings);
  for (const transport::ConnectorNumber& number : transport::kConnectorNumbers) {
    auto* out = to.add_numbers();
    out->set_name(std::string(number.name));
    out->set_value(from.limits.*number.value);
  }
}

// kInvalid: a word that is unknown here.
template <class Message>
Result<ReceiveConnector> from_message(const Message& from) {
  ReceiveConnector to;
  to.name = from.name();
  to.listener = from.listener();
  for (const auto& binding : from.bindings())
    to.bindings.push_back({binding.address(), static_cast<std::uint16_t>(binding.port())});
  for (const std::string& text : from.remote()) {
    const auto network = Network::parse(text);
    if (!network) return fail(ErrorCode::kInvalid, "no network: " + escape_for_log(text));
    to.remote.push_back(*network);
  }
  to.enabled = !from.disabled();
  for (const std::string& word : from.permitted()) {
    TRY_ASSIGN(const transport::GroupBits group, group_from_word(word));
    to.permitted |= group;
  }
  for (const std::string& word : from.denied()) TRY(add_right(to.denied, word));
  for (const std::string& word : from.granted()) TRY(add_right(to.granted, word));
  to.require_tls = from.require_tls();
  to.mechanisms.assign(from.mechanisms().begin(), from.mechanisms().end());
  to.fqdn = from.fqdn();
  to.banner = from.banner();
  for (const std::string& word : from.not_offered()) {
    TRY_ASSIGN(const smtp::ExtensionBits extension, extension_from_word(word));
    to.not_offered |= extension;
  }
  to.protocol_log = from.protocol_log();
  to.comment = from.comment();
  to.advertise_client_settings = from.advertise_client_settings();
  for (const auto& number : from.numbers()) {
    for (const transport::ConnectorNumber& known : transport::kConnectorNumbers) {
      if (known.name == number.name()) to.limits.*known.value = number.value();
    }
  }
  return to;
}

}  // namespace hauspost::directory
