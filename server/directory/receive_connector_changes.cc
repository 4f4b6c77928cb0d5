// How receive connectors come to be and change, in the words of the CLI.
#include <asio/ip/address.hpp>

#include <algorithm>

#include "server/directory/receive_connector_words.h"

namespace hauspost::directory {

namespace {

using transport::GroupBits;
using transport::PermissionGroup;
using transport::RightBits;

constexpr std::string_view kNone = "none";
constexpr std::string_view kDefault = "default";
constexpr std::uint64_t kSubmissionRecipients = 1000;  // mail programs do not try the rest again

template <class Range, class Name>
std::string known_words(const Range& range, Name name) {
  std::string out;
  for (const auto& one : range) out += (out.empty() ? "" : ", ") + std::string(name(one));
  return out;
}

std::unexpected<Error> unknown(std::string_view what, std::string_view word, std::string known) {
  return fail(ErrorCode::kInvalid,
              fmt::format("no {} \"{}\"; there are {}", what, escape_for_log(word), known));
}

Result<ReceiveConnector::Binding> binding_from_word(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is no address and port such as 192.0.2.1:25 or [::1]:25",
                            escape_for_log(text)));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  std::error_code code;
  const auto address = asio::ip::make_address(std::string(host), code);
  if (code || address.is_v6() != brackets || !port || *port == 0 || *port > 65535) return refuse();
  return ReceiveConnector::Binding{address.to_string(), static_cast<std::uint16_t>(*port)};
}

Result<bool> switch_from_words(std::string_view key, const std::vector<std::string>& values) {
  if (values.size() == 1 && values[0] == "on") return true;
  if (values.size() == 1 && values[0] == "off") return false;
  return fail(ErrorCode::kInvalid, fmt::format("{} is on or off", key));
}

Result<std::string> text_from_words(std::string_view key, const std::vector<std::string>& values) {
  if (values.size() == 1) return values[0];
  return fail(ErrorCode::kInvalid, fmt::format("{} takes one value", key));
}

bool is_word(const std::vector<std::string>& values, std::string_view word) {
  return values.size() == 1 && values[0] == word;
}

Result<> change_bindings(ReceiveConnector& connector, const std::vector<std::string>& values) {
  std::vector<ReceiveConnector::Binding> bindings;
  if (!is_word(values, kDefault)) {
    for (const std::string& value : values) {
      TRY_ASSIGN(auto binding, binding_from_word(value));
      bindings.push_back(std::move(binding));
    }
  }
  connector.bindings = std::move(bindings);
  return {};
}

Result<> change_remote(ReceiveConnector& connector, const std::vector<std::string>& values) {
  std::vector<Network> remote;
  if (!is_word(values, "any")) {
    for (const std::string& value : values) {
      const auto network = Network::parse(value);
      if (!network) {
        return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no address and no network such as "
                                                     "192.0.2.0/24",
                                                     escape_for_log(value)));
      }
      remote.push_back(*network);
    }
  }
  connector.remote = std::move(remote);
  return {};
}

Result<> change_groups(ReceiveConnector& connector, const std::vector<std::string>& values) {
  GroupBits permitted = 0;
  if (!is_word(values, kNone)) {
    for (const std::string& value : values) {
      TRY_ASSIGN(const GroupBits group, group_from_word(value));
      permitted |= group;
    }
  }
  connector.permitted = permitted;
  return {};
}

// A right that is granted is not denied any more, and the other way round; "default" forgets both.
Result<> change_rights(ReceiveConnector& connector, bool grant,
                       const std::vector<std::string>& values) {
  if (is_word(values, kDefault)) {
    (grant ? connector.granted : connector.denied) = {};
    return {};
  }
  RightTable words{};
  for (const std::string& value : values) TRY(add_right(words, value));
  for (std::size_t i = 0; i < words.size(); ++i) {
    const RightBits usual = transport::default_rights(static_cast<PermissionGroup>(i));
    if (grant) {
      connector.granted[i] |= words[i] & ~usual;
      connector.denied[i] &= static_cast<RightBits>(~words[i]);
    } else {
      connector.denied[i] |= words[i] & usual;
      connector.granted[i] &= static_cast<RightBits>(~words[i]);
    }
  }
  return {};
}

Result<> change_extensions(ReceiveConnector& connector, bool offer,
                           const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    TRY_ASSIGN(const smtp::ExtensionBits extension, extension_from_word(value));
    if (offer)
      connector.not_offered &= ~extension;
    else
      connector.not_offered |= extension;
  }
  return {};
}

Result<> change_mechanisms(ReceiveConnector& connector, const std::vector<std::string>& values) {
  std::vector<std::string> mechanisms;
  if (!is_word(values, kDefault)) {
    for (const std::string& value : values)
      mechanisms.push_back(value == kNone ? value : ascii_upper(value));
  }
  connector.mechanisms = std::move(mechanisms);
  return {};
}

Result<bool> change_number(ReceiveConnector& connector, std::string_view key,
                           const std::vector<std::string>& values) {
  for (const transport::ConnectorNumber& number : transport::kConnectorNumbers) {
    if (number.name != key) continue;
    TRY_ASSIGN(const std::string text, text_from_words(key, values));
    const auto value = parse_u64(text);
    if (!value || *value < number.least || *value > number.most) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} {}: must be from {} to {}", key, escape_for_log(text),
                              number.least, number.most));
    }
    connector.limits.*number.value = *value;
    return true;
  }
  return false;
}

Result<bool> change_text(ReceiveConnector& connector, std::string_view key,
                         const std::vector<std::string>& values) {
  const std::pair<std::string_view, std::string ReceiveConnector::*> texts[] = {
      {"name", &ReceiveConnector::name},       {"listener", &ReceiveConnector::listener},
      {"fqdn", &ReceiveConnector::fqdn},       {"banner", &ReceiveConnector::banner},
      {"comment", &ReceiveConnector::comment},
  };
  for (const auto& [name, field] : texts) {
    if (name != key) continue;
    TRY_ASSIGN(connector.*field, text_from_words(key, values));
    return true;
  }
  const std::pair<std::string_view, bool ReceiveConnector::*> switches[] = {
      {"enabled", &ReceiveConnector::enabled},
      {"require-tls", &ReceiveConnector::require_tls},
      {"protocol-log", &ReceiveConnector::protocol_log},
      {"advertise-client-settings", &ReceiveConnector::advertise_client_settings},
  };
  for (const auto& [name, field] : switches) {
    if (name != key) continue;
    TRY_ASSIGN(connector.*field, switch_from_words(key, values));
    return true;
  }
  return false;
}

ReceiveConnector submission(std::string name, std::string listener) {
  ReceiveConnector connector;
  connector.name = std::move(name);
  connector.listener = std::move(listener);
  connector.permitted = bit(PermissionGroup::kUsers);
  connector.limits.recipients = kSubmissionRecipients;
  return connector;
}

}  // namespace

std::vector<std::string> words_of_rights(const RightTable& rights) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < rights.size(); ++i) {
    for (const transport::RightName& right : transport::kRightNames) {
      if ((rights[i] & right.bit) != 0)
        out.push_back(fmt::format("{}:{}", transport::kGroupNames[i], right.name));
    }
  }
  return out;
}

Result<> add_right(RightTable& rights, std::string_view word) {
  const std::size_t colon = std::min(word.find(':'), word.size());
  const auto group = std::ranges::find(transport::kGroupNames, word.substr(0, colon));
  const auto right =
      std::ranges::find(transport::kRightNames, word.substr(std::min(colon + 1, word.size())),
                        &transport::RightName::name);
  if (group == std::end(transport::kGroupNames) || right == std::end(transport::kRightNames)) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("\"{}\" is no GROUP:RIGHT; groups are {}; rights are {}", escape_for_log(word),
                    fmt::join(transport::kGroupNames, ", "),
                    known_words(transport::kRightNames, [](const auto& one) { return one.name; })));
  }
  rights[static_cast<std::size_t>(group - std::begin(transport::kGroupNames))] |= right->bit;
  return {};
}

std::vector<std::string> words_of_groups(GroupBits groups) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < transport::kPermissionGroups; ++i) {
    if ((groups & bit(static_cast<PermissionGroup>(i))) != 0)
      out.emplace_back(transport::kGroupNames[i]);
  }
  return out;
}

Result<GroupBits> group_from_word(std::string_view word) {
  const auto found = std::ranges::find(transport::kGroupNames, word);
  if (found == std::end(transport::kGroupNames)) {
    return unknown("permission group", word,
                   fmt::format("{}", fmt::join(transport::kGroupNames, ", ")));
  }
  return bit(static_cast<PermissionGroup>(found - std::begin(transport::kGroupNames)));
}

std::vector<std::string> words_of_extensions(smtp::ExtensionBits extensions) {
  std::vector<std::string> out;
  for (const smtp::ExtensionName& one : smtp::kExtensions) {
    if ((extensions & one.bit) != 0) out.emplace_back(one.name);
  }
  return out;
}

Result<smtp::ExtensionBits> extension_from_word(std::string_view word) {
  const auto found = smtp::find_extension(word);
  if (found) return *found;
  return unknown("extension", word,
                 known_words(smtp::kExtensions, [](const auto& one) { return one.name; }));
}

std::vector<ReceiveConnector> default_receive_connectors(std::string_view node) {
  ReceiveConnector front;
  front.name = fmt::format("Default Frontend {}", node);
  front.permitted = bit(PermissionGroup::kAnonymous);
  front.protocol_log = true;
  front.comment = "Mail from other servers";
  ReceiveConnector client = submission(fmt::format("Client Frontend {}", node), "submission");
  client.comment = "Mail of our users, STARTTLS";
  ReceiveConnector implicit =
      submission(fmt::format("Client Implicit TLS {}", node), "submissions");
  implicit.comment = "Mail of our users, TLS from the first byte";
  return {front, client, implicit};
}

Result<ReceiveConnector> connector_for_usage(std::string name, std::string_view usage) {
  if (usage == "client") return submission(std::move(name), "submission");
  ReceiveConnector connector;
  connector.name = std::move(name);
  if (usage == "internal") {
    connector.permitted = bit(PermissionGroup::kServers);
  } else if (usage == "internet") {
    connector.permitted = bit(PermissionGroup::kAnonymous);
  } else if (usage == "partner") {
    connector.permitted = bit(PermissionGroup::kPartners);
    connector.require_tls = true;
  } else if (usage != "custom") {
    return unknown("usage", usage, "client, internal, internet, partner, custom");
  }
  return connector;
}

Result<> change_connector(ReceiveConnector& connector, std::string_view key,
                          const std::vector<std::string>& values) {
  if (key == "bind") return change_bindings(connector, values);
  if (key == "remote") return change_remote(connector, values);
  if (key == "permit") return change_groups(connector, values);
  if (key == "grant") return change_rights(connector, true, values);
  if (key == "deny") return change_rights(connector, false, values);
  if (key == "offer") return change_extensions(connector, true, values);
  if (key == "no-offer") return change_extensions(connector, false, values);
  if (key == "auth") return change_mechanisms(connector, values);
  TRY_ASSIGN(const bool number, change_number(connector, key, values));
  if (number) return {};
  TRY_ASSIGN(const bool text, change_text(connector, key, values));
  if (text) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("a receive connector has no \"{}\"", escape_for_log(key)));
}

}  // namespace hauspost::directory
