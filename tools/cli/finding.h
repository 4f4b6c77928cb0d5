// What a check of `hauspost doctor` found.
#pragma once

#include <string>
#include <vector>

namespace hauspost::cli {

enum class Verdict : std::uint8_t {
  kGood,
  kWarning,  // works; wants looking after
  kFault,    // does not work, or soon will not
  kSkipped,  // could not be looked at, or is not wanted
};

struct Finding {
  std::string check;   // "mx"; one of kChecks
  std::string object;  // "example.org"; empty: the server
  Verdict verdict = Verdict::kGood;
  std::string text;    // what is so, one line
  std::string why;     // of warnings and faults: what comes of it
  std::string remedy;  // and what to do
  bool blind = false;  // of kSkipped: it was wanted, and could not be looked at
};
using Findings = std::vector<Finding>;

inline Finding good(std::string check, std::string object, std::string text) {
  return {std::move(check), std::move(object), Verdict::kGood, std::move(text), {}, {}, false};
}
inline Finding skipped(std::string check, std::string object, std::string text) {
  return {std::move(check), std::move(object), Verdict::kSkipped, std::move(text), {}, {}, false};
}

inline Finding not_seen(std::string check, std::string object, std::string text) {
  return {std::move(check), std::move(object), Verdict::kSkipped, std::move(text), {}, {}, true};
}

struct CheckInfo {
  std::string_view name;
  std::string_view group;  // "machine", "server", "names", "domains"
  std::string_view what;
};
inline constexpr CheckInfo kChecks[] = {
    {"disk", "machine", "free space and file system of the data root and databases"},
    {"sync", "machine", "whether the disk keeps what it says it has written"},
    {"clock", "machine", "whether the clock is right"},
    {"ports", "machine", "whether the ports are ours"},
    {"data-root", "server", "the data root and its settings"},
    {"server", "server", "whether the server runs, and each of its processes"},
    {"databases", "server", "whether each database is mounted"},
    {"backup", "server", "whether each database was backed up lately"},
    {"queue", "server", "whether mail waits that should have left"},
    {"connectors", "server", "whether mail for elsewhere has a way out"},
    {"recipients", "server", "whether somebody reads postmaster and abuse"},
    {"certificate", "server", "dates and names of what is shown under TLS"},
    {"host-name", "names", "whether the host name leads to this machine"},
    {"addresses", "names", "whether the world can reach the addresses"},
    {"listeners", "names", "whether each port answers at its public address"},
    {"reverse-dns", "names", "whether each address leads back to the host name"},
    {"resolver", "names", "whether the DNS answers, and can be believed"},
    {"outbound", "names", "whether mail can leave by port 25"},
    {"tlsa", "names", "the key that the DNS names (DANE)"},
    {"mx", "domains", "whether mail for the domain comes here"},
    {"spf", "domains", "whether our addresses may send for the domain"},
    {"dkim", "domains", "whether our signatures can be checked"},
    {"dmarc", "domains", "what others do with forged mail"},
    {"mta-sts", "domains", "the announced MTA-STS policy"},
    {"tls-rpt", "domains", "where reports about TLS go"},
    {"srv", "domains", "where mail programs find services"},
    {"discovery", "domains", "autoconfig and autodiscover"},
    {"caa", "domains", "whether our authority may issue certificates"}};

}  // namespace hauspost::cli
