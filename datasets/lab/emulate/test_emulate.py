"""Every emulated channel gives its payload back, from its own words and from its capture.

python3 -m unittest discover -s datasets/lab/emulate
"""

import os
import tempfile
import unittest

import campaigns
import wire

CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "captures")


def capture_of(name):
    return os.path.join(CAPTURES, name + ".pcap.gz")


class Emulated(unittest.TestCase):
    def test_each_channel_carries_its_payload_and_keeps_to_the_limits_of_names(self):
        for name, campaign in campaigns.CAMPAIGNS.items():
            exchanges = campaign.exchanges()
            with self.subTest(name), tempfile.NamedTemporaryFile(suffix=".pcap.gz") as file:
                for exchange in exchanges:
                    self.assertLessEqual(len(wire.wire_name(exchange.name)), 255)
                    self.assertLessEqual(max(len(l) for l in exchange.name.split(b".")), 63)
                    self.assertLessEqual(len(wire.response(exchange, 0)), 1232)
                wire.write_capture(file.name, exchanges, 1)
                self.assertEqual(campaign.recovered(list(wire.heard(file.name))), campaign.payload())

    def test_each_capture_gives_its_payload_back(self):
        for name, campaign in campaigns.CAMPAIGNS.items():
            if not os.path.exists(capture_of(name)):
                continue
            with self.subTest(name):
                messages = list(wire.heard(capture_of(name)))
                self.assertEqual(campaign.recovered(messages), campaign.payload())

    def test_a_written_capture_is_the_same_every_time(self):
        for name in [c.name for c in campaigns.CAMPAIGNS.values() if not c.live] + campaigns.BENIGN:
            exchanges = (campaigns.benign(name) if name in campaigns.BENIGN
                         else campaigns.CAMPAIGNS[name].written())
            with self.subTest(name), tempfile.NamedTemporaryFile() as file:
                wire.write_capture(file.name, exchanges, name + " on the wire")
                self.assertEqual(wire.unpack(file.name), wire.unpack(capture_of(name)))

    def test_a_changed_name_does_not_go_unnoticed(self):
        campaign = campaigns.CAMPAIGNS["short-hex"]
        with tempfile.NamedTemporaryFile() as file:
            wire.write_capture(file.name, campaign.exchanges(), 1)
            messages = [m for m in wire.heard(file.name)]
        messages[0].name = b"00000000" + messages[0].name[8:]
        self.assertNotEqual(campaign.recovered(messages), campaign.payload())


class Shapes(unittest.TestCase):
    """What the published descriptions say of each tool, held to what is sent."""

    def names(self, name):
        return [(e.name, e.kind) for e in campaigns.CAMPAIGNS[name].exchanges()]

    def test_dnscat2_is_hexadecimal_in_three_types_and_tags_what_has_no_domain(self):
        self.assertEqual({kind for _, kind in self.names("dnscat2-bind")}, {"TXT", "CNAME", "MX"})
        for name, _ in self.names("dnscat2-bind"):
            self.assertRegex(name, rb"^([0-9a-f]{1,62}\.)+mewler-lab\.com$")
        for name, _ in self.names("dnscat2-direct"):
            self.assertRegex(name, rb"^dnscat\.([0-9a-f]{1,62}\.?)+$")

    def test_dnstt_begins_every_name_with_one_client_id(self):
        for name, kind in self.names("dnstt-bind"):
            self.assertEqual(kind, "TXT")
            self.assertRegex(name, rb"^[a-z2-7.]+\.t\.fernway-lab\.com$")
        # Eight octets are twelve whole letters of base32 and a part of the thirteenth.
        self.assertEqual(len({name[:12] for name, _ in self.names("dnstt-bind")}), 1)

    def test_others_keep_their_prefixes(self):
        forms = {"ozymandns-bind": rb"\d+-\d+\.\d+\.(up|down)\.sshdns\.",
                 "tuns-unbound": rb"^(d[A-Z2-70.]+|r\d+)\.cask-lab",
                 "cobaltstrike-aaaa": rb"^(post\.[1-4]?[0-9a-f.]+|www6\.[0-9a-f]+|19997cf2)\.backst",
                 "cobaltstrike-a": rb"^(post\.[1-4]?[0-9a-f.]+|cdn\.[0-9a-f]+|19997cf2)\.underst",
                 "cobaltstrike": rb"^(post\.[1-4]?[0-9a-f.]+|api\.[0-9a-f]+|19997cf2)\.stagecraft",
                 "dnsexfiltrator-base64": rb"^(init|\d+)\.",
                 "hex-bind": rb"^[0-9a-f]{56}\.\d+\.",
                 "saitama": rb"^[a-z0-9]{5,31}\.rice[123]-lab",
                 "sunburst": rb"^[a-z0-9]{16,30}\.appsync-api\.[a-z]+-[a-z]+-\d\.",
                 "short": rb"^[a-z2-7]{8}\.curt", "words": rb"^[a-z]+-[a-z]+-[a-z]+\.glossary",
                 "markov": rb"^[a-z]{14}\.rambling"}
        for campaign, form in forms.items():
            for name, _ in self.names(campaign):
                self.assertRegex(name, form, campaign)

    def test_slow_channels_are_as_slow_as_they_say(self):
        for name, a_day in (("slow-1kb-day", 1000), ("slow-4kb-day", 4000), ("slow-minute", 23040)):
            campaign = campaigns.CAMPAIGNS[name]
            seconds = campaign.exchanges()[-1].time
            self.assertAlmostEqual(len(campaign.payload()[0]) * 86400 / seconds / a_day, 1, delta=0.03)


if __name__ == "__main__":
    unittest.main()
