//! When an alert closes.

use crate::lab::Lab;
use crate::query::ask;

#[test]
fn the_clock_of_the_sensor_alone_closes_an_alert() {
    let mut lab = Lab::of("resolvers = [\"10.0.0.53\"]");
    for n in 0..20 {
        lab.hear(f64::from(n), ask("10.0.0.9", "203.0.113.53", &format!("www.site{n}.org")));
    }
    let opened = lab.told();
    lab.goes_on(3_500.0);
    assert_eq!(lab.told(), opened, "an hour is not over");
    lab.goes_on(3_700.0);
    assert_eq!(lab.told(), opened + 1, "whoever hears of nothing else is done with it, too");
}
