// Everything that the checks of `hauspost doctor` look at. Values only: gathering them is
// doctor_gather.h's, judging them check_*.h's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/supervisor/admin_setup_api.h"
#include "server/supervisor/settings.h"
#include "tools/cli/dns_records.h"
#include "transport/authentication/spf.h"
#include "transport/dns/message.h"

namespace hauspost::cli {

struct DiskFacts {
  std::string what;  // "data root", "database DB1"
  std::string path;
  std::string error;  // could not be looked at
  std::string kind;   // of the file system: "ext4", "nfs"
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  bool moving_parts = false;      // a rotating disk, or one of a network
  std::optional<double> sync_us;  // median of a small fdatasync; none: not measured
};

struct ClockFacts {
  bool disciplined = false;        // the kernel knows that somebody keeps it right
  std::string asked;               // server of the time; empty: nobody was asked
  std::optional<double> offset_s;  // ours less theirs
  std::string error;
};

struct PortFacts {
  std::string service;
  std::string address;
  std::uint16_t port = 0;
  std::string holder;  // name of the program that listens there; empty: nobody
  bool ours = false;   // that program is the server
};

struct ReachFacts {
  std::string service;
  std::string address;
  std::uint16_t port = 0;
  bool connected = false;
  std::string greeting;  // first line, of services that greet
  std::string error;
};

struct DnsQuestion {
  std::string name;
  dns::RecordType type = dns::RecordType::kA;
  auto operator<=>(const DnsQuestion&) const = default;
};
struct SpfFacts {
  std::string domain;
  std::string address;
  mailauth::SpfResult result = mailauth::SpfResult::kNone;
  std::string problem;
};
struct DnsFacts {
  bool asked = false;
  bool trusts_ad = false;
  std::vector<std::string> servers;
  std::map<DnsQuestion, dns::Answer<std::string>> answers;
  std::vector<SpfFacts> spf;

  // What was not asked is temporary, with nothing in it.
  const dns::Answer<std::string>& of(const std::string& name, dns::RecordType type) const {
    static const dns::Answer<std::string> kUnasked;
    const auto at = answers.find({name, type});
    return at == answers.end() ? kUnasked : at->second;
  }
};

struct OutboundFacts {
  bool tried = false;
  std::string target;  // "mx.example.net:25"
  std::string error;   // empty: it answered
};

struct QueueFacts {
  std::string name;
  std::string state;
  std::uint64_t items = 0;
  std::uint32_t failures = 0;
  std::string last_error;
};

struct DoctorLimits {
  std::uint64_t free_bytes_least = 1ULL << 30;
  std::int64_t backup_age_s_most = 7LL * 24 * 3600;
};

struct DoctorFacts {
  std::int64_t now_s = 0;
  std::string data_root;
  std::string data_root_error;  // of the data root or hauspost.toml; empty: both are good
  supervisor::ServerSettings settings;
  std::string program_version;
  bool running = false;
  std::string not_running_because;
  admin::StatusReply status;
  std::vector<admin::SendConnector> connectors;
  std::string certificates_error;
  std::string certificates;  // a child::wire::CertificatesReply, serialised
  std::vector<QueueFacts> queues;
  std::vector<std::string> nobodys;  // postmaster and abuse addresses that nobody has
  admin::SetupSettings setup;
  ZoneFacts zone;
  bool offline = false;
  DoctorLimits limits;
  std::vector<std::string> own_addresses;  // of this machine, loopback too
  std::vector<DiskFacts> disks;
  ClockFacts clock;
  std::vector<PortFacts> ports;
  std::vector<ReachFacts> reach;
  DnsFacts dns;
  OutboundFacts outbound;
};

}  // namespace hauspost::cli
