#include "transport/authentication/results_field.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "transport/authentication/tag_list.h"

namespace hauspost::mailauth {

namespace {

constexpr std::size_t kValueMax = 320;
constexpr std::string_view kFieldName = "Authentication-Results";

// Into a quoted string or a comment: nothing that could end it.
std::string plain_words(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kValueMax)) {
    const bool good = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '(' && c != ')';
    out += good ? c : '_';
  }
  return out;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("-._~!$&*+{}|#%^'`").contains(c);
  });
}

// pvalue: a token, local@domain, or a quoted string.
std::string value_text(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const bool address = at != std::string_view::npos && is_token(text.substr(at + 1)) &&
                       (at == 0 || is_token(text.substr(0, at)));
  if (is_token(text) || address) return std::string(text.substr(0, kValueMax));
  return "\"" + plain_words(text) + "\"";
}

std::string property(std::string_view name, std::string_view value) {
  return value.empty() ? std::string() : fmt::format(" {}={}", name, value_text(value));
}

std::string reason(std::string_view text) {
  return text.empty() ? std::string() : fmt::format(" reason=\"{}\"", plain_words(text));
}

std::string spf_part(const Verdicts& verdicts) {
  const SpfVerdict& spf = *verdicts.spf;
  const std::string who = spf.of_helo ? property("smtp.helo", verdicts.helo)
                                      : property("smtp.mailfrom", verdicts.sender);
  return fmt::format("spf={}{}{}", to_string(spf.result), reason(spf.problem), who);
}

std::string dkim_part(const DkimResult& one) {
  std::string out = fmt::format("dkim={}", to_string(one.status));
  if (one.testing) out += " (domain is testing)";
  out += reason(one.reason);
  out += property("header.d", one.domain);
  out += property("header.i", one.identity);
  out += property("header.s", one.selector);
  out += property("header.a", one.algorithm);
  if (!one.signature_start.empty()) out += fmt::format(" header.b=\"{}\"", one.signature_start);
  return out;
}

std::string dmarc_part(const Verdicts& verdicts) {
  const DmarcVerdict& dmarc = *verdicts.dmarc;
  std::string out = fmt::format("dmarc={}", to_string(dmarc.status));
  if (dmarc.status == DmarcStatus::kFail || dmarc.status == DmarcStatus::kPass)
    out += fmt::format(" (p={})", to_string(dmarc.record.policy));
  out += reason(verdicts.override_reason);
  return out + property("header.from", dmarc.domain);
}

std::string arc_part(const ArcChain& arc) {
  std::string out = fmt::format("arc={}", to_string(arc.status));
  if (arc.sets > 0) out += fmt::format(" (i={})", arc.sets);
  return out + reason(arc.reason);
}

std::vector<std::string> all_parts(const Verdicts& verdicts) {
  std::vector<std::string> parts;
  if (verdicts.spf) parts.push_back(spf_part(verdicts));
  if (verdicts.dkim && verdicts.dkim->empty()) parts.emplace_back("dkim=none");
  if (verdicts.dkim) {
    for (const DkimResult& one : *verdicts.dkim) parts.push_back(dkim_part(one));
  }
  if (verdicts.arc && verdicts.arc->status != ArcStatus::kNone)
    parts.push_back(arc_part(*verdicts.arc));
  if (verdicts.dmarc) parts.push_back(dmarc_part(verdicts));
  return parts;
}

// A comment at the start of `text`, nested ones in it, and the white space around.
std::string_view skip_comments(std::string_view text) {
  text = trim_folds(text);
  while (text.starts_with('(')) {
    int depth = 0;
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
      if (text[at] == '\\') {
        ++at;
      } else if (text[at] == '(') {
        ++depth;
      } else if (text[at] == ')' && --depth == 0) {
        break;
      }
    }
    text = trim_folds(text.substr(std::min(at + 1, text.size())));
  }
  return text;
}

// Without comments; a quoted string is one "_".
std::string without_words_of_others(std::string_view value) {
  std::string out;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (c == '\\' && (quoted || depth > 0)) {
      ++at;
    } else if (quoted) {
      quoted = c != '"';
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth > 0) {
      if (--depth == 0) out += ' ';
    } else if (c == '"' && depth == 0) {
      quoted = true;
      out += '_';
    } else if (depth == 0) {
      out += c;
    }
  }
  return out;
}

bool names(std::string_view value, std::string_view authserv_id) {
  value = skip_comments(value);
  if (value.starts_with('"')) value.remove_prefix(1);
  if (value.size() < authserv_id.size() ||
      !iequals(value.substr(0, authserv_id.size()), authserv_id)) {
    return false;
  }
  value.remove_prefix(authserv_id.size());
  return value.empty() || std::string_view(" \t\r\n;\"(/").contains(value.front());
}

}  // namespace

std::string results_value(std::string_view authserv_id, const Verdicts& verdicts) {
  std::string out(authserv_id);
  const std::vector<std::string> parts = all_parts(verdicts);
  for (const std::string& part : parts) out += ";\r\n\t" + part;
  if (parts.empty()) out += "; none";
  return out;
}

std::string results_summary(const Verdicts& verdicts) {
  std::string out;
  const auto add = [&](std::string_view method, std::string_view result, std::string_view who) {
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", method, result);
    if (!who.empty()) out += fmt::format(" ({})", plain_words(who));
  };
  if (verdicts.spf) add("spf", to_string(verdicts.spf->result), verdicts.spf->domain);
  if (verdicts.dkim && verdicts.dkim->empty()) add("dkim", "none", {});
  if (verdicts.dkim) {
    for (const DkimResult& one : *verdicts.dkim) add("dkim", to_string(one.status), one.domain);
  }
  if (verdicts.arc) add("arc", to_string(verdicts.arc->status), {});
  if (verdicts.dmarc) add("dmarc", to_string(verdicts.dmarc->status), verdicts.dmarc->domain);
  if (!verdicts.override_reason.empty()) out += ", " + plain_words(verdicts.override_reason);
  return out;
}

bool says_dmarc_pass(std::string_view value) {
  const std::string plain = without_words_of_others(value);
  bool pass = false;
  for (const std::string_view piece : split(plain, ';')) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view method = piece.substr(0, equals);
    method = trim_folds(method.substr(0, method.find('/')));  // a version may follow
    if (!iequals(method, "dmarc")) continue;
    const std::string_view result = trim_folds(piece.substr(equals + 1));
    if (!iequals(result.substr(0, result.find_first_of(" \t\r\n")), "pass")) return false;
    pass = true;
  }
  return pass;
}

std::size_t remove_own_results(std::string& message, std::string_view authserv_id) {
  const MessageParts parts = split_message(message);
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const MessageParts::Field& field : parts.fields) {
    if (!iequals(field.name, kFieldName) || !names(field.value, authserv_id)) continue;
    spans.emplace_back(static_cast<std::size_t>(field.lines.data() - message.data()),
                       field.lines.size());
  }
  std::size_t removed = 0;
  for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
    message.erase(span->first, span->second);
    removed += span->second;
  }
  return removed;
}

}  // namespace hauspost::mailauth
