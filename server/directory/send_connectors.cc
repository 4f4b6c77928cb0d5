#include "server/directory/send_connectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/network.h"
#include "base/text.h"
#include "server/directory/send_connectors.pb.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kKey = "send.connectors";
constexpr unsigned kConnectorsFormat = 1;

void to_message(const SendConnector& from, stored::SendConnector& to) {
  to.set_name(from.name);
  to.set_disabled(!from.enabled);
  to.set_protocol(std::string(to_string(from.protocol)));
  for (const auto& space : from.spaces) {
    auto* out = to.add_spaces();
    out->set_domain(space.domain);
    out->set_cost(space.cost);
  }
  for (const auto& host : from.smart_hosts) {
    auto* out = to.add_smart_hosts();
    out->set_host(host.host);
    out->set_port(host.port);
  }
  to.set_port(from.port);
  to.set_authenticate(from.authenticate);
  to.set_user(from.user);
  to.set_tls(std::string(to_string(from.tls)));
  to.set_tls_domain(from.tls_domain);
  to.set_fqdn(from.fqdn);
  to.set_source_v4(from.source_v4);
  to.set_source_v6(from.source_v6);
  to.set_message_bytes_max(from.message_bytes_max);
  to.set_inactivity_s(static_cast<std::uint32_t>(from.inactivity.count()));
  to.set_connections_max(from.connections_max);
  to.set_messages_per_connection(from.messages_per_connection);
  to.set_protocol_log(from.protocol_log);
  to.set_scoped(from.scoped);
  to.set_comment(from.comment);
}

Result<SendConnector> from_message(const stored::SendConnector& from) {
  const auto protocol = transport::parse_send_protocol(from.protocol());
  const auto tls = transport::parse_send_tls(from.tls());
  if (!protocol || !tls) {
    return fail(ErrorCode::kCorrupt, fmt::format("directory: send connector \"{}\" is damaged",
                                                 escape_for_log(from.name())));
  }
  SendConnector to{.name = from.name(), .enabled = !from.disabled(), .protocol = *protocol};
  for (const auto& space : from.spaces())
    to.spaces.push_back({space.domain(), static_cast<std::uint8_t>(space.cost())});
  for (const auto& host : from.smart_hosts())
    to.smart_hosts.push_back({host.host(), static_cast<std::uint16_t>(host.port())});
  to.port = static_cast<std::uint16_t>(from.port());
  to.authenticate = from.authenticate();
  to.user = from.user();
  to.tls = *tls;
  to.tls_domain = from.tls_domain();
  to.fqdn = from.fqdn();
  to.source_v4 = from.source_v4();
  to.source_v6 = from.source_v6();
  to.message_bytes_max = from.message_bytes_max();
  to.inactivity = Seconds(from.inactivity_s());
  to.connections_max = from.connections_max();
  to.messages_per_connection = from.messages_per_connection();
  to.protocol_log = from.protocol_log();
  to.scoped = from.scoped();
  to.comment = from.comment();
  return to;
}

std::unexpected<Error> refuse(std::string_view key, std::string_view value,
                              std::string_view wanted) {
  return fail(ErrorCode::kInvalid,
              fmt::format("{} \"{}\": must be {}", key, escape_for_log(value), wanted));
}

// ---- Changes, by key

using Values = std::vector<std::string>;
using Change = Result<> (*)(SendConnector& connector, std::string_view key, const Values& values);

std::string first_of(const Values& values) { return values.empty() ? std::string() : values[0]; }

template <auto kMember>
Result<> set_text(SendConnector& connector, std::string_view, const Values& values) {
  connector.*kMember = first_of(values);
  return {};
}

template <auto kMember>
Result<> set_name(SendConnector& connector, std::string_view, const Values& values) {
  connector.*kMember = ascii_lower(first_of(values));
  return {};
}

template <auto kMember>
Result<> set_switch(SendConnector& connector, std::string_view key, const Values& values) {
  const std::string value = first_of(values);
  if (value != "yes" && value != "no") return refuse(key, value, "yes or no");
  connector.*kMember = value == "yes";
  return {};
}

template <auto kMember>
Result<> set_number(SendConnector& connector, std::string_view key, const Values& values) {
  using Number = std::remove_reference_t<decltype(connector.*kMember)>;
  const auto number = parse_u64(first_of(values));
  if (!number || *number > std::numeric_limits<Number>::max())
    return refuse(key, first_of(values), "a number");
  connector.*kMember = static_cast<Number>(*number);
  return {};
}

Result<> set_inactivity(SendConnector& connector, std::string_view key, const Values& values) {
  const auto seconds = parse_u64(first_of(values));
  if (!seconds || *seconds > UINT32_MAX) return refuse(key, first_of(values), "a time");
  connector.inactivity = Seconds(*seconds);
  return {};
}

Result<> set_spaces(SendConnector& connector, std::string_view, const Values& values) {
  std::vector<transport::AddressSpace> spaces;
  for (const std::string& value : values) {
    for (const std::string_view word : split(value, ',')) {
      TRY_ASSIGN(auto space, transport::parse_address_space(trim(word)));
      spaces.push_back(std::move(space));
    }
  }
  connector.spaces = std::move(spaces);
  return {};
}

Result<> set_smart_hosts(SendConnector& connector, std::string_view, const Values& values) {
  std::vector<transport::SmartHost> hosts;
  for (const std::string& value : values) {
    for (const std::string_view word : split(value, ',')) {
      TRY_ASSIGN(auto host, transport::parse_smart_host(trim(word)));
      hosts.push_back(std::move(host));
    }
  }
  connector.smart_hosts = std::move(hosts);
  return {};
}

Result<> set_dns(SendConnector& connector, std::string_view, const Values&) {
  connector.smart_hosts.clear();
  connector.authenticate = false;
  connector.user.clear();
  return {};
}

Result<> set_tls(SendConnector& connector, std::string_view key, const Values& values) {
  const auto level = transport::parse_send_tls(first_of(values));
  if (!level)
    return refuse(key, first_of(values), "none, opportunistic, encryption, certificate or domain");
  connector.tls = *level;
  if (*level != transport::SendTls::kDomain) connector.tls_domain.clear();
  return {};
}

Result<> set_protocol(SendConnector& connector, std::string_view key, const Values& values) {
  const auto protocol = transport::parse_send_protocol(first_of(values));
  if (!protocol) return refuse(key, first_of(values), "smtp or lmtp");
  connector.protocol = *protocol;
  return {};
}

Result<> set_auth(SendConnector& connector, std::string_view key, const Values& values) {
  const std::string value = first_of(values);
  if (value != "none" && value != "basic") return refuse(key, value, "none or basic");
  connector.authenticate = value == "basic";
  if (!connector.authenticate) connector.user.clear();
  return {};
}

Result<> set_source(SendConnector& connector, std::string_view key, const Values& values) {
  std::string v4;
  std::string v6;
  for (const std::string& value : values) {
    if (value == "any") continue;
    if (!Network::parse(value) || value.find('/') != value.npos)
      return refuse(key, value, "an address of this machine, or any");
    (value.find(':') == value.npos ? v4 : v6) = value;
  }
  connector.source_v4 = std::move(v4);
  connector.source_v6 = std::move(v6);
  return {};
}

constexpr std::pair<std::string_view, Change> kChanges[] = {
    {"address-space", set_spaces},
    {"auth", set_auth},
    {"comment", set_text<&SendConnector::comment>},
    {"connections", set_number<&SendConnector::connections_max>},
    {"dns", set_dns},
    {"enabled", set_switch<&SendConnector::enabled>},
    {"fqdn", set_name<&SendConnector::fqdn>},
    {"inactivity", set_inactivity},
    {"max-message-size", set_number<&SendConnector::message_bytes_max>},
    {"messages-per-connection", set_number<&SendConnector::messages_per_connection>},
    {"port", set_number<&SendConnector::port>},
    {"protocol", set_protocol},
    {"protocol-log", set_switch<&SendConnector::protocol_log>},
    {"scoped", set_switch<&SendConnector::scoped>},
    {"smart-host", set_smart_hosts},
    {"source", set_source},
    {"tls", set_tls},
    {"tls-domain", set_name<&SendConnector::tls_domain>},
    {"user", set_text<&SendConnector::user>},
};

}  // namespace

Result<std::vector<SendConnector>> send_connectors(const DirectoryReader& reader) {
  std::vector<SendConnector> all;
  TRY_ASSIGN(const std::string bytes, reader.setting(kKey));
  if (bytes.empty()) return all;
  stored::SendConnectors message;
  if (!message.ParseFromString(bytes) || message.format() != kConnectorsFormat)
    return fail(ErrorCode::kCorrupt, "directory: the send connectors do not parse");
  for (const auto& one : message.connectors()) {
    TRY_ASSIGN(auto connector, from_message(one));
    all.push_back(std::move(connector));
  }
  return all;
}

Result<> check_send_connectors(const std::vector<SendConnector>& connectors) {
  if (connectors.size() > kSendConnectorsMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} send connectors", kSendConnectorsMax));
  for (auto one = connectors.begin(); one != connectors.end(); ++one) {
    TRY(transport::check(*one));
    const bool twice = std::any_of(connectors.begin(), one, [&](const SendConnector& other) {
      return iequals(other.name, one->name);
    });
    if (twice) {
      return fail(ErrorCode::kExists,
                  fmt::format("send connector \"{}\" exists already", escape_for_log(one->name)));
    }
  }
  return {};
}

Result<> set_send_connectors(DirectoryWriter& writer, std::vector<SendConnector> connectors) {
  TRY(check_send_connectors(connectors));
  std::ranges::sort(connectors, {}, [](const SendConnector& one) { return ascii_lower(one.name); });
  stored::SendConnectors message;
  message.set_format(kConnectorsFormat);
  for (const SendConnector& one : connectors) to_message(one, *message.add_connectors());
  // Without one the directory is as it was before the first.
  return writer.set_setting(kKey, connectors.empty() ? std::string() : message.SerializeAsString());
}

Result<> change_send_connector(SendConnector& connector, std::string_view key,
                               const std::vector<std::string>& values) {
  for (const auto& [name, change] : kChanges) {
    if (name == key) return change(connector, key, values);
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("send connectors have no setting \"{}\"", escape_for_log(key)));
}

transport::ConnectorList SendConnectorTable::all() const {
  const auto version = reader_.version();
  if (version && version_ == *version) return all_;
  auto fresh = version ? send_connectors(reader_)
                       : Result<std::vector<SendConnector>>(fail(version.error()));
  if (!fresh) {
    log::error("connectors.unreadable", {{"cause", fresh.error()}});
    return all_;
  }
  version_ = *version;
  if (*fresh != *all_) all_ = std::make_shared<const std::vector<SendConnector>>(std::move(*fresh));
  return all_;
}

}  // namespace hauspost::directory
