// The Authentication-Results field (RFC 8601): what we found, on top of the message; and no other
// that claims to be ours below it.
#pragma once

#include "transport/authentication/arc.h"
#include "transport/authentication/dmarc.h"

namespace hauspost::mailauth {

// What was checked is set.
struct Verdicts {
  std::optional<SpfVerdict> spf;
  std::optional<std::vector<DkimResult>> dkim;
  std::optional<ArcChain> arc;
  std::optional<DmarcVerdict> dmarc;
  std::string sender;  // of the envelope
  std::string helo;
  std::string client;
  std::string override_reason;  // why a DMARC failure was let pass; empty: it was not
};

// "mx.example.org; spf=pass ...", folded, without the last line end.
std::string results_value(std::string_view authserv_id, const Verdicts& verdicts);
// On one line, for logs: "spf=pass dkim=pass (example.org) dmarc=pass".
std::string results_summary(const Verdicts& verdicts);

// Whether a value of this form, somebody else's too, says dmarc=pass and nothing else of DMARC.
// What stands in comments and quoted strings says nothing.
bool says_dmarc_pass(std::string_view value);

// Takes out every Authentication-Results field of the header that names `authserv_id`
// (section 5). Gives back how many octets went.
std::size_t remove_own_results(std::string& message, std::string_view authserv_id);

}  // namespace hauspost::mailauth
