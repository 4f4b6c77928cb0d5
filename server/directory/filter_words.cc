#include "server/directory/filter_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/text.h"
#include "protocols/smtp/address.h"
#include "server/directory/filter_settings.h"
#include "transport/filter/milter_address.h"

namespace hauspost::directory {

namespace {

using transport::AddressRule;
using transport::ClientCheckSettings;
using transport::DnsList;
using transport::FilterSettings;
using transport::GreylistSettings;
using transport::Milter;
using transport::PatternRule;
using transport::ReputationSettings;
using transport::UserCaps;

constexpr std::size_t kNoteMax = 500;
constexpr std::size_t kMilterNameMax = 64;
constexpr std::uint64_t kDay = 86'400;
constexpr std::uint64_t kCapMost = 10'000'000;

// One value: how it is said and how it is read.
template <class T>
struct Field {
  std::string_view key;
  std::string (*get)(const T&);
  Result<> (*set)(T&, const std::string&);
};

template <auto Member>
struct OwnerOf;
template <class T, class Value, Value T::* Member>
struct OwnerOf<Member> {
  using Type = T;
  using Kept = Value;
};

template <auto Member, std::uint64_t least, std::uint64_t most>
constexpr auto number(std::string_view key) {
  using T = typename OwnerOf<Member>::Type;
  using Kept = typename OwnerOf<Member>::Kept;
  return Field<T>{key, [](const T& of) { return std::to_string(of.*Member); },
                  [](T& of, const std::string& text) -> Result<> {
                    const auto value = parse_u64(text);
                    if (!value || *value < least || *value > most)
                      return fail(ErrorCode::kInvalid,
                                  fmt::format("must be from {} to {}", least, most));
                    of.*Member = static_cast<Kept>(*value);
                    return {};
                  }};
}

template <auto Member>
constexpr auto switch_field(std::string_view key) {
  using T = typename OwnerOf<Member>::Type;
  return Field<T>{key, [](const T& of) { return std::string(of.*Member ? "on" : "off"); },
                  [](T& of, const std::string& text) -> Result<> {
                    if (text != "on" && text != "off")
                      return fail(ErrorCode::kInvalid, "must be on or off");
                    of.*Member = text == "on";
                    return {};
                  }};
}

template <auto Member, std::size_t most>
constexpr auto text_field(std::string_view key) {
  using T = typename OwnerOf<Member>::Type;
  return Field<T>{key, [](const T& of) { return of.*Member; },
                  [](T& of, const std::string& text) -> Result<> {
                    const bool one_line = std::ranges::all_of(text, [](char c) {
                      return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
                    });
                    if (!one_line || text.size() > most)
                      return fail(ErrorCode::kInvalid,
                                  fmt::format("must be one line of at most {} octets", most));
                    of.*Member = text;
                    return {};
                  }};
}

std::string codes_text(const DnsList& list) {
  std::string out;
  for (const Network& code : list.codes) out += (out.empty() ? "" : " ") + code.to_string();
  return out;
}

Result<> set_codes(DnsList& list, const std::string& text) {
  const auto codes = parse_networks(text);
  const Network loopback = *Network::parse("127.0.0.0/8");
  const bool all = codes && std::ranges::all_of(*codes, [&](const Network& code) {
                     const std::string one = code.to_string();
                     return loopback.contains(one.substr(0, one.find('/'))) &&
                            code.prefix() >= loopback.prefix();
                   });
  if (!all) return fail(ErrorCode::kInvalid, "must be addresses or networks of 127.0.0.0/8");
  list.codes = *codes;
  return {};
}

Result<> set_milter_address(Milter& milter, const std::string& text) {
  if (!transport::parse_milter_address(text))
    return fail(ErrorCode::kInvalid,
                "must be unix:/PATH, inet:ADDRESS:PORT or inet6:[ADDRESS]:PORT");
  milter.address = text;
  return {};
}

Result<> set_on_failure(Milter& milter, const std::string& text) {
  if (text != "accept" && text != "tempfail")
    return fail(ErrorCode::kInvalid, "must be accept or tempfail");
  milter.on_failure = text == "accept" ? Milter::OnFailure::kAccept : Milter::OnFailure::kTempfail;
  return {};
}

std::string on_failure_text(const Milter& milter) {
  return milter.on_failure == Milter::OnFailure::kAccept ? "accept" : "tempfail";
}

struct NullSender {
  bool enabled = false;
};

constexpr Field<AddressRule> kAddressFields[] = {
    number<&AddressRule::until_s, 0, 1ULL << 40>("until"),
    text_field<&AddressRule::note, kNoteMax>("note")};
constexpr Field<PatternRule> kPatternFields[] = {text_field<&PatternRule::note, kNoteMax>("note")};
constexpr Field<DnsList> kDnsListFields[] = {
    number<&DnsList::priority, 0, 10'000>("priority"),
    switch_field<&DnsList::enabled>("enabled"),
    {"codes", codes_text, set_codes},
    text_field<&DnsList::text, transport::kDnsListTextMax>("text")};
constexpr Field<Milter> kMilterFields[] = {
    {"address", [](const Milter& milter) { return milter.address; }, set_milter_address},
    number<&Milter::priority, 0, 10'000>("priority"),
    switch_field<&Milter::enabled>("enabled"),
    {"on-failure", on_failure_text, set_on_failure},
    switch_field<&Milter::users_too>("users"),
    number<&Milter::connect_s, 1, 300>("connect-timeout"),
    number<&Milter::command_s, 1, 600>("command-timeout"),
    number<&Milter::end_s, 1, 3600>("end-timeout")};
constexpr Field<GreylistSettings> kGreylistFields[] = {
    switch_field<&GreylistSettings::enabled>("enabled"),
    number<&GreylistSettings::delay_s, 1, kDay>("delay"),
    number<&GreylistSettings::window_s, 60, 30 * kDay>("window"),
    number<&GreylistSettings::keep_s, kDay, 365 * kDay>("keep"),
    number<&GreylistSettings::auto_allow, 0, 1'000>("auto-allow")};
constexpr Field<ClientCheckSettings> kCheckFields[] = {
    switch_field<&ClientCheckSettings::enabled>("enabled"),
    number<&ClientCheckSettings::reject_score, 0, 20>("reject-score")};
constexpr Field<ReputationSettings> kReputationFields[] = {
    switch_field<&ReputationSettings::enabled>("enabled"),
    number<&ReputationSettings::block_level, 0, 9>("block-level"),
    number<&ReputationSettings::block_hours, 1, 48>("block-hours")};
constexpr Field<NullSender> kNullSenderFields[] = {switch_field<&NullSender::enabled>("enabled")};
constexpr Field<UserCaps> kCapsFields[] = {
    number<&UserCaps::messages, 0, kCapMost>("messages"),
    number<&UserCaps::recipients, 0, kCapMost>("recipients"),
    number<&UserCaps::new_recipients, 0, kCapMost>("new-recipients")};
constexpr std::span<const Field<std::string>> kNoFields;

template <class T>
Result<> change(T& to, std::span<const Field<T>> fields, const FilterWords& words) {
  T changed = to;
  for (const auto& [key, value] : words.values) {
    const auto field = std::ranges::find(fields, key, &Field<T>::key);
    if (field == fields.end())
      return fail(ErrorCode::kInvalid, fmt::format("{} has no \"{}\"", words.kind, key));
    if (auto set = field->set(changed, value); !set)
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} \"{}\": {}", key, escape_for_log(value), set.error().text));
  }
  to = std::move(changed);
  return {};
}

template <class T>
FilterWords say(std::string_view kind, std::string name, const T& of,
                std::span<const Field<T>> fields) {
  FilterWords words{std::string(kind), std::move(name), {}};
  for (const Field<T>& field : fields) words.values[std::string(field.key)] = field.get(of);
  return words;
}

// ---- Names

std::string name_of(const AddressRule& rule) { return rule.network.to_string(); }
std::string name_of(const PatternRule& rule) { return rule.pattern; }
std::string name_of(const DnsList& list) { return list.zone; }
std::string name_of(const Milter& milter) { return milter.name; }
std::string name_of(const std::string& pattern) { return pattern; }

// Without making the names: lists of thousands are read again after each change of the directory.
bool same_name(const AddressRule& a, const AddressRule& b) { return a.network == b.network; }
bool same_name(const PatternRule& a, const PatternRule& b) { return a.pattern == b.pattern; }
bool same_name(const DnsList& a, const DnsList& b) { return a.zone == b.zone; }
bool same_name(const Milter& a, const Milter& b) { return a.name == b.name; }
bool same_name(const std::string& a, const std::string& b) { return a == b; }

Result<> set_name(AddressRule& rule, std::string_view name) {
  const auto network = Network::parse(name);
  if (!network)
    return fail(ErrorCode::kInvalid, fmt::format("{}: must be an address or a network, as "
                                                 "192.0.2.0/24",
                                                 escape_for_log(name)));
  rule.network = *network;
  return {};
}

Result<> set_name(std::string& pattern, std::string_view name) {
  auto normal = transport::normal_pattern(name);
  if (!normal)
    return fail(
        ErrorCode::kInvalid,
        fmt::format("{}: must be an address, a domain, *.domain, or local@", escape_for_log(name)));
  pattern = std::move(*normal);
  return {};
}

Result<> set_name(PatternRule& rule, std::string_view name) { return set_name(rule.pattern, name); }

Result<> set_name(DnsList& list, std::string_view name) {
  if (!smtp::is_host_name(name) || !name.contains('.'))
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: must be a domain, as list.example.org", escape_for_log(name)));
  list.zone = ascii_lower(name);
  return {};
}

Result<> set_name(Milter& milter, std::string_view name) {
  const bool word = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!word || name.empty() || name.size() > kMilterNameMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: a milter's name is of small letters, digits, - and _",
                            escape_for_log(name)));
  milter.name = name;
  return {};
}

// ---- Kinds

// Calls f(list, fields) with the list of that kind.
template <class F>
Result<FilterWords> with_list(FilterSettings& settings, std::string_view kind, F f) {
  if (kind == "ip-allow") return f(settings.allowed, std::span(kAddressFields));
  if (kind == "ip-block") return f(settings.blocked, std::span(kAddressFields));
  if (kind == "sender") return f(settings.senders, std::span(kPatternFields));
  if (kind == "recipient") return f(settings.recipients, std::span(kPatternFields));
  if (kind == "dnsbl") return f(settings.dns_lists, std::span(kDnsListFields));
  if (kind == "dnsbl-exempt") return f(settings.dns_list_exempt, kNoFields);
  if (kind == "milter") return f(settings.milters, std::span(kMilterFields));
  return fail(ErrorCode::kInvalid, fmt::format("no filter \"{}\"", escape_for_log(kind)));
}
constexpr std::string_view kLists[] = {"ip-allow", "ip-block",     "sender", "recipient",
                                       "dnsbl",    "dnsbl-exempt", "milter"};
constexpr std::string_view kSingles[] = {"greylist", "client-checks", "reputation", "null-sender"};

template <class F>
Result<FilterWords> with_single(FilterSettings& settings, std::string_view kind, F f) {
  if (kind == "greylist") return f(settings.greylist, std::span(kGreylistFields));
  if (kind == "client-checks") return f(settings.checks, std::span(kCheckFields));
  if (kind == "reputation") return f(settings.reputation, std::span(kReputationFields));
  NullSender sender{settings.block_null_sender};
  auto out = f(sender, std::span(kNullSenderFields));
  settings.block_null_sender = sender.enabled;
  return out;
}

// By name in its normal form; kInvalid: it is no name of the kind.
template <class T>
Result<typename std::vector<T>::iterator> find(std::vector<T>& list, std::string_view name) {
  T wanted{};
  TRY(set_name(wanted, name));
  return std::ranges::find_if(list, [&](const T& one) { return same_name(one, wanted); });
}

std::unexpected<Error> not_there(std::string_view kind, std::string_view name) {
  return fail(ErrorCode::kNotFound,
              fmt::format("no {} {}; see: hauspost {}", kind, escape_for_log(name),
                          kind == "milter" ? "milter list" : "filter show"));
}

Result<FilterWords> change_caps(FilterSettings& settings, const FilterWords& words) {
  if (words.name.empty()) {
    TRY(change(settings.caps, std::span<const Field<UserCaps>>(kCapsFields), words));
    return say("caps", {}, settings.caps, std::span<const Field<UserCaps>>(kCapsFields));
  }
  const auto mailbox = Guid::parse(words.name);
  if (!mailbox) return fail(ErrorCode::kInvalid, "caps: not a mailbox's id");
  UserCaps caps = settings.caps_of(*mailbox);
  TRY(change(caps, std::span<const Field<UserCaps>>(kCapsFields), words));
  settings.mailbox_caps[*mailbox] = caps;
  return say("caps", words.name, caps, std::span<const Field<UserCaps>>(kCapsFields));
}

}  // namespace

bool is_single_filter(std::string_view kind) {
  return std::ranges::find(kSingles, kind) != std::end(kSingles);
}

std::vector<FilterWords> filter_words(const FilterSettings& settings, std::string_view kind) {
  std::vector<FilterWords> out;
  FilterSettings copy = settings;
  const auto wanted = [&](std::string_view one) { return kind.empty() || kind == one; };
  for (const std::string_view single : kSingles) {
    if (!wanted(single)) continue;
    auto said = with_single(
        copy, single, [&]<class T, std::size_t N>(T& one, std::span<const Field<T>, N> fields) {
          return Result<FilterWords>(say(single, {}, one, std::span<const Field<T>>(fields)));
        });
    if (said) out.push_back(std::move(*said));
  }
  const std::span<const Field<UserCaps>> caps(kCapsFields);
  if (wanted("caps")) {
    out.push_back(say("caps", {}, settings.caps, caps));
    for (const auto& [mailbox, own] : settings.mailbox_caps)
      out.push_back(say("caps", mailbox.to_string(), own, caps));
  }
  for (const std::string_view list : kLists) {
    if (!wanted(list)) continue;
    const auto said = with_list(
        copy, list,
        [&]<class T, std::size_t N>(std::vector<T>& all, std::span<const Field<T>, N> fields) {
          for (const T& one : all)
            out.push_back(say(list, name_of(one), one, std::span<const Field<T>>(fields)));
          return Result<FilterWords>();
        });
    if (!said) break;
  }
  return out;
}

Result<FilterWords> add_filter(FilterSettings& settings, const FilterWords& words) {
  return with_list(
      settings, words.kind,
      [&]<class T, std::size_t N>(std::vector<T>& list,
                                  std::span<const Field<T>, N> fields) -> Result<FilterWords> {
        T fresh{};
        TRY(set_name(fresh, words.name));
        TRY(change(fresh, std::span<const Field<T>>(fields), words));
        TRY_ASSIGN(const auto place, find(list, words.name));
        if (place != list.end())
          return fail(ErrorCode::kExists,
                      fmt::format("{} {} is there already", words.kind, name_of(fresh)));
        if (list.size() >= kFilterEntriesMax)
          return fail(ErrorCode::kExhausted,
                      fmt::format("at most {} of {}", kFilterEntriesMax, words.kind));
        if constexpr (std::is_same_v<T, Milter>) {
          if (fresh.address.empty()) return fail(ErrorCode::kInvalid, "a milter needs an address");
        }
        list.push_back(std::move(fresh));
        return say(words.kind, name_of(list.back()), list.back(),
                   std::span<const Field<T>>(fields));
      });
}

Result<FilterWords> change_filter(FilterSettings& settings, const FilterWords& words) {
  if (words.kind == "caps") return change_caps(settings, words);
  if (is_single_filter(words.kind)) {
    return with_single(settings, words.kind,
                       [&]<class T, std::size_t N>(
                           T& one, std::span<const Field<T>, N> fields) -> Result<FilterWords> {
                         TRY(change(one, std::span<const Field<T>>(fields), words));
                         return say(words.kind, {}, one, std::span<const Field<T>>(fields));
                       });
  }
  return with_list(
      settings, words.kind,
      [&]<class T, std::size_t N>(std::vector<T>& list,
                                  std::span<const Field<T>, N> fields) -> Result<FilterWords> {
        TRY_ASSIGN(const auto place, find(list, words.name));
        if (place == list.end()) return not_there(words.kind, words.name);
        TRY(change(*place, std::span<const Field<T>>(fields), words));
        return say(words.kind, name_of(*place), *place, std::span<const Field<T>>(fields));
      });
}

Result<FilterWords> remove_filter(FilterSettings& settings, std::string_view kind,
                                  std::string_view name) {
  if (kind == "caps") {
    const auto mailbox = Guid::parse(name);
    const auto own = mailbox ? settings.mailbox_caps.find(*mailbox) : settings.mailbox_caps.end();
    if (own == settings.mailbox_caps.end()) return not_there("caps of", name);
    FilterWords was =
        say("caps", std::string(name), own->second, std::span<const Field<UserCaps>>(kCapsFields));
    settings.mailbox_caps.erase(own);
    return was;
  }
  return with_list(
      settings, kind,
      [&]<class T, std::size_t N>(std::vector<T>& list,
                                  std::span<const Field<T>, N> fields) -> Result<FilterWords> {
        TRY_ASSIGN(const auto place, find(list, name));
        if (place == list.end()) return not_there(kind, name);
        FilterWords was = say(kind, name_of(*place), *place, std::span<const Field<T>>(fields));
        list.erase(place);
        return was;
      });
}

}  // namespace hauspost::directory
