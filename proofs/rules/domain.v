(** Rule *domain*: bounds and support of the declared input set. Spec: rules.md#domain; domain.py of the other kernel.

    Everything is computed from the exact rationals of the claim and rounded outward once. *)
From Coq Require Import String ZArith Reals QArith Qreals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** The support of a leaf *)

(** The least integer with a square of at least [v]. *)
Definition ceil_sqrt (v : Z) : Z := if 0 <? v then Z.sqrt (v - 1) + 1 else 0.

(** The norm that is dual to the ball's, rounded up. Balls in l_inf are boxes and have no other support. *)
Definition dual_norm (n : norm) (c : list Z) : option Z :=
  match n with
  | L1 => Some (fold_left (fun m x => Z.max m (Z.abs x)) c 0)
  | L2 => Some (ceil_sqrt (fold_left (fun s x => s + x * x) c 0))
  | Linf => None
  end.

(** A lower bound of c . (centre - lo) for below <= centre <= top. *)
Fixpoint centre_below (c lo below top : list Z) : Z :=
  match c, lo, below, top with
  | a :: c', l :: lo', b :: below', t :: top' => a * ((if a <? 0 then t else b) - l) + centre_below c' lo' below' top'
  | _, _, _, _ => 0
  end.

(** A lower bound of c . (n - lo): the better of box and ball. *)
Definition support (region : option ball) (c lo hi : list Z) : Z :=
  let box := negdot c (subz hi lo) in
  match region with
  | None => box
  | Some b =>
      match dual_norm (bl_norm b) c with
      | None => box
      | Some size => Z.max box (centre_below c lo (bl_below b) (bl_above b) - bl_radius b * size)
      end
  end.

(** *** Dual norms *)

Open Scope R_scope.

Definition sumR (l : list R) : R := fold_right Rplus 0 l.

Lemma ceil_sqrt_ge v : (v <= ceil_sqrt v * ceil_sqrt v /\ 0 <= ceil_sqrt v)%Z.
Proof.
  unfold ceil_sqrt. destruct (Z.ltb_spec 0 v) as [P | N]; [|lia].
  destruct (Z.sqrt_spec (v - 1)) as [_ S]; [lia|]. pose proof (Z.sqrt_nonneg (v - 1)). lia.
Qed.

(** Cauchy and Schwarz. *)
Lemma cauchy_schwarz a : forall w, dotR a w * dotR a w <= sumR (map (fun x => x * x) a) * sumR (map (fun x => x * x) w).
Proof.
  assert (P : forall l, 0 <= sumR (map (fun x => x * x) l)).
  { induction l as [|x l IH]; simpl; [lra|]. pose proof (Rle_0_sqr x). unfold Rsqr in *. lra. }
  induction a as [|x a IH]; intros [|y w]; simpl.
  - lra.
  - lra.
  - rewrite Rmult_0_l, Rmult_0_r. lra.
  - specialize (IH w). set (S := dotR a w) in *.
    set (A := sumR (map (fun x => x * x) a)) in *. set (W := sumR (map (fun x => x * x) w)) in *.
    assert (0 <= A) by apply P. assert (0 <= W) by apply P.
    assert (H2 : 2 * (x * y) * S <= x * x * W + y * y * A).
    { assert (0 <= x * x) by nra. assert (0 <= y * y) by nra.
      apply Rsqr_incr_0_var; unfold Rsqr; [|nra].
      assert (4 * ((x * x) * (y * y)) * (S * S) <= 4 * ((x * x) * (y * y)) * (A * W)) by (apply Rmult_le_compat_l; nra).
      pose proof (Rle_0_sqr (x * x * W - y * y * A)) as Q. unfold Rsqr in Q. nra. }
    nra.
Qed.

Lemma fold_left_squares c : forall s,
  IZR (fold_left (fun s x => s + x * x)%Z c s) = IZR s + sumR (map (fun x => x * x) (map IZR c)).
Proof.
  induction c as [|x c IH]; intros s; cbn [fold_left map sumR fold_right]; [simpl; lra|].
  rewrite IH, plus_IZR, mult_IZR. unfold sumR. lra.
Qed.

Lemma fold_left_max c : forall s, (s <= fold_left (fun m x => Z.max m (Z.abs x)) c s)%Z
  /\ (forall x, In x c -> Z.abs x <= fold_left (fun m x => Z.max m (Z.abs x)) c s)%Z.
Proof.
  induction c as [|y c IH]; intros s; cbn [fold_left]; [split; [lia | contradiction]|].
  destruct (IH (Z.max s (Z.abs y))) as [I1 I2]. split; [lia|]. intros x [-> | I]; [lia|]. apply I2, I.
Qed.

Lemma dot_by_largest c w m : (0 <= m)%Z -> (forall x, In x c -> Z.abs x <= m)%Z ->
  - (sumR (map Rabs w) * IZR m) <= dot c w.
Proof.
  intros M. apply IZR_le in M. revert w. induction c as [|x c IH]; intros [|y w] H; try (unfold dot; simpl; nra).
  - unfold dot. simpl. assert (0 <= sumR (map Rabs w)).
    { clear. induction w as [|z w IH]; simpl; [lra|]. pose proof (Rabs_pos z). unfold sumR in *. lra. }
    pose proof (Rabs_pos y). unfold sumR in *. nra.
  - rewrite dot_cons. simpl. specialize (IH w (fun x I => H x (or_intror I))).
    assert (Z.abs x <= m)%Z as L by (apply H; left; reflexivity). apply IZR_le in L. rewrite abs_IZR in L.
    assert (Rabs (IZR x * y) <= Rabs y * IZR m).
    { rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_l; [apply Rabs_pos | exact L]. }
    assert (- Rabs (IZR x * y) <= IZR x * y) by (unfold Rabs; destruct Rcase_abs; lra).
    unfold sumR in *. lra.
Qed.

(** c . w >= - r ||c|| for w in the ball of radius r. *)
Lemma dual_norm_correct n c size w r : dual_norm n c = Some size -> norm_le n w r -> - (r * IZR size) <= dot c w.
Proof.
  destruct n; cbn [dual_norm norm_le]; intros E H; try discriminate; injection E as <-.
  - destruct H as [R0 H]. destruct (ceil_sqrt_ge (fold_left (fun s x => s + x * x)%Z c 0%Z)) as [S P].
    apply IZR_le in S, P. rewrite mult_IZR, fold_left_squares in S.
    set (z := IZR (ceil_sqrt _)) in *. pose proof (cauchy_schwarz (map IZR c) w) as C. fold (dot c w) in C.
    assert (N : forall l, 0 <= sumR (map (fun x => x * x) l)).
    { induction l as [|x l IH]; simpl; [lra|]. pose proof (Rle_0_sqr x). unfold Rsqr, sumR in *. lra. }
    assert (dot c w * dot c w <= (r * z) * (r * z)).
    { eapply Rle_trans; [exact C|]. replace (r * z * (r * z)) with ((z * z) * (r * r)) by ring.
      apply Rmult_le_compat; [apply N | apply N | lra | exact H]. }
    assert (0 <= r * z) by (apply Rmult_le_pos; lra).
    assert (- dot c w <= r * z); [|lra]. apply Rsqr_incr_0_var; [unfold Rsqr; nra | assumption].
  - destruct (fold_left_max c 0%Z) as [P M]. eapply Rle_trans; [|apply (dot_by_largest c w _ P M)].
    apply Ropp_le_contravar, Rmult_le_compat_r; [apply IZR_le, P | exact H].
Qed.

(** *** The support *)

Lemma centre_below_le below top ctr : within below top ctr -> forall c lo, length lo = length ctr ->
  IZR (centre_below c lo below top) <= dot c (above lo ctr).
Proof.
  induction 1 as [|b t x below top ctr B W IH]; intros [|a c] [|l lo] L; try discriminate;
    try (unfold dot, above; simpl; lra).
  cbn [centre_below]. unfold above; cbn [map2]; fold (above lo ctr). rewrite dot_cons, plus_IZR, mult_IZR, minus_IZR.
  injection L as L. specialize (IH c lo L).
  assert (IZR a * (IZR (if (a <? 0)%Z then t else b) - IZR l) <= IZR a * (x - IZR l)); [|lra].
  destruct (Z.ltb_spec a 0) as [N | N].
  - apply IZR_lt in N. apply Rmult_le_compat_neg_l; lra.
  - apply IZR_le in N. apply Rmult_le_compat_l; lra.
Qed.

Lemma dot_above_centre v : forall c lo ctr, length lo = length v -> length ctr = length v ->
  dot c (above lo v) = dot c (above lo ctr) + dot c (map2 Rminus v ctr).
Proof.
  induction v as [|x v IH]; intros [|a c] [|l lo] [|y ctr] L1 L2; try discriminate; unfold above; cbn [map2];
    try (unfold dot; simpl; lra).
  fold (above lo v) (above lo ctr). rewrite !dot_cons, (IH c lo ctr) by (simpl in *; lia). lra.
Qed.

Theorem support_correct region c lo hi v : within lo hi v -> region_means region v ->
  IZR (support region c lo hi) <= dot c (above lo v).
Proof.
  intros W B. pose proof (negdot_le lo hi v W c) as Box. unfold support.
  destruct region as [b|]; [|exact Box]. destruct B as (ctr & I & L & N).
  destruct (dual_norm (bl_norm b) c) as [size|] eqn:E; [|exact Box].
  pose proof (dual_norm_correct _ _ _ _ _ E N) as D. destruct (within_length _ _ _ W) as [Lv _].
  pose proof (centre_below_le _ _ _ I c lo ltac:(congruence)) as C.
  rewrite (dot_above_centre v c lo ctr Lv L) in *.
  apply Z.max_case_strong; intros _; [exact Box|]. rewrite minus_IZR, mult_IZR. lra.
Qed.

(** ** Rationals *)

Open Scope Z_scope.

(** A ratio whose denominator has been found to be at least 1. *)
Definition ratio_q (r : ratio) : Q := Qmake (fst r) (Z.to_pos (snd r)).

Definition exact_q (p : dyadic) : Q :=
  if 0 <=? snd p then inject_Z (Z.shiftl (fst p) (snd p)) else Qmake (fst p) (Z.to_pos (Z.shiftl 1 (- snd p))).

Definition max_q (a b : Q) : Q := if Qle_bool a b then b else a.
Definition min_q (a b : Q) : Q := if Qle_bool a b then a else b.

(** a + b over the least common denominator: sums of many stay small. *)
Definition add_q (a b : Q) : Q :=
  let da := Zpos (Qden a) in
  let db := Zpos (Qden b) in
  let g := Z.gcd da db in
  let m := db / g in
  Qmake (Qnum a * m + Qnum b * (da / g)) (Z.to_pos (da * m)).
Definition sub_q (a b : Q) : Q := add_q a (Qopp b).
Definition sum_q (l : list Q) : Q := fold_left add_q l 0%Q.

Definition floor_q (v : Q) (scale : Z) : Z := floor_ratio (Qnum v) (Zpos (Qden v)) scale.
Definition ceil_q (v : Q) (scale : Z) : Z := ceil_ratio (Qnum v) (Zpos (Qden v)) scale.

(** ** The domain of a claim, decoded *)

(** Each part is a box with corners, widened by a radius, and a ball of that radius if the norm is not l_inf; all of
    them within the limits. A point is a ball of radius 0. *)
Record domain := {
  dm_parts : list (list dyadic * list dyadic);
  dm_radius : Q;
  dm_norm : option norm;                       (* None: a box *)
  dm_limits : option (list Q * list Q)
}.

Definition part_limit : Z := 4000000.

Definition floats_at (s : store) (t n : nat) : result (list dyadic) :=
  _ <- need "shape" (Nat.eqb (t_count (tensor_at s t)) n);;
  get "tensor" (dyadics (tensor_at s t)).

Definition read_limits (s : store) (n : nat) (w : within_words) : result (option (list Q * list Q)) :=
  match w with
  | WAnywhere => Ok None
  | WWithin a b =>
      _ <- need "denominator" ((1 <=? snd a) && (1 <=? snd b));;
      Ok (Some (repeat (ratio_q a) n, repeat (ratio_q b) n))
  | WWithinArrays lo hi =>
      a <- floats_at s lo n;;
      b <- floats_at s hi n;;
      Ok (Some (map exact_q a, map exact_q b))
  end.

Definition read_centres (s : store) (t count n : nat) : result (list (list dyadic * list dyadic)) :=
  _ <- need "empty-domain" (1 <=? count)%nat;;
  if part_limit <? Z.of_nat count then Decline "limit" else
  l <- floats_at s t (count * n);;
  Ok (map (fun c => (c, c)) (chunk count n l)).

(** Parts, radius and norm. *)
Definition read_shape (s : store) (n : nat) (w : domain_words) :
    result (list (list dyadic * list dyadic) * Q * option norm) :=
  match w with
  | WBox lo hi =>
      a <- floats_at s lo n;;
      b <- floats_at s hi n;;
      Ok ([(a, b)], 0%Q, None)
  | WBall nm t count r =>
      _ <- need "denominator" (1 <=? snd r);;
      _ <- need "negative-radius" (0 <=? fst r);;
      l <- read_centres s t count n;;
      Ok (l, ratio_q r, Some nm)
  | WPoints t count => l <- read_centres s t count n;; Ok (l, 0%Q, Some Linf)
  end.

(** *** No part is empty *)

Definition all_le (a b : list Q) : bool := forallb (fun x => x) (map2 Qle_bool a b).

(** The interval of every coordinate has a point. *)
Definition box_inhabited (d : domain) (p : list dyadic * list dyadic) : bool :=
  let low := map (fun v => sub_q (exact_q v) (dm_radius d)) (fst p) in
  let high := map (fun v => add_q (exact_q v) (dm_radius d)) (snd p) in
  match dm_limits d, dm_norm d with
  | Some (a, b), _ => all_le (map2 max_q low a) (map2 min_q high b)
  | None, None => all_le low high
  | None, Some _ => true
  end.

(** Distances from the centre to the limits, coordinate by coordinate. *)
Definition gaps (centre a b : list Q) : list Q :=
  map (max_q 0) (map2 max_q (map2 sub_q a centre) (map2 sub_q centre b)).

(** The ball meets the limits: their nearest point to the centre is in it. *)
Definition ball_inhabited (d : domain) (p : list dyadic * list dyadic) : bool :=
  match dm_norm d, dm_limits d with
  | Some L1, Some (a, b) => Qle_bool (sum_q (gaps (map exact_q (fst p)) a b)) (dm_radius d)
  | Some L2, Some (a, b) =>
      Qle_bool (sum_q (map (fun g => Qmult g g) (gaps (map exact_q (fst p)) a b))) (Qmult (dm_radius d) (dm_radius d))
  | _, _ => true
  end.

Definition check_part (d : domain) (p : list dyadic * list dyadic) : bool := box_inhabited d p && ball_inhabited d p.

Definition read_domain (s : store) (c : claim) (n_in : nat) : result domain :=
  shape <- read_shape s n_in (cl_domain c);;
  limits <- read_limits s n_in (cl_within c);;
  let '(parts, radius, norm_) := shape in
  let d := {| dm_parts := parts; dm_radius := radius; dm_norm := norm_; dm_limits := limits |} in
  _ <- need "empty-domain" (forallb (check_part d) parts);;
  Ok d.

(** ** Bounds *)

Definition part_at (d : domain) (k : nat) : list dyadic * list dyadic := nth k (dm_parts d) ([], []).

(** Outward integer bounds of one part, in units of 2^-scale. *)
Definition bounds_of (d : domain) (p : list dyadic * list dyadic) (scale : Z) : list Z * list Z :=
  let num := Qnum (dm_radius d) in
  let den := Zpos (Qden (dm_radius d)) in
  let below := map (fun v => floor_dyadic v scale (- num) den) (fst p) in
  let top := map (fun v => ceil_dyadic v scale num den) (snd p) in
  match dm_limits d with
  | None => (below, top)
  | Some (a, b) =>
      (map2 Z.max below (map (fun v => floor_q v scale) a), map2 Z.min top (map (fun v => ceil_q v scale) b))
  end.

Definition part_bounds (d : domain) (k : nat) (scale : Z) : list Z * list Z := bounds_of d (part_at d k) scale.

Definition join_bounds (a b : list Z * list Z) : list Z * list Z :=
  (map2 Z.min (fst a) (fst b), map2 Z.max (snd a) (snd b)).

(** Outward integer bounds of the whole domain. *)
Definition hull (d : domain) (scale : Z) : list Z * list Z :=
  match dm_parts d with
  | [] => ([], [])
  | p :: rest => fold_left (fun acc q => join_bounds acc (bounds_of d q scale)) rest (bounds_of d p scale)
  end.

(** The ball of part [k]; None for a box or a ball in l_inf. *)
Definition part_ball (d : domain) (k : nat) (scale : Z) : option ball :=
  match dm_norm d with
  | None | Some Linf => None
  | Some nm =>
      let centre := fst (part_at d k) in
      Some {| bl_norm := nm; bl_below := map (fun v => floor_dyadic v scale 0 1) centre;
              bl_above := map (fun v => ceil_dyadic v scale 0 1) centre; bl_radius := ceil_q (dm_radius d) scale |}
  end.

(** The exact interval of coordinate [i] of part [k]. *)
Definition coordinate (d : domain) (k i : nat) : Q * Q :=
  let p := part_at d k in
  let low := sub_q (exact_q (nth i (fst p) (0, 0))) (dm_radius d) in
  let high := add_q (exact_q (nth i (snd p) (0, 0))) (dm_radius d) in
  match dm_limits d with
  | None => (low, high)
  | Some (a, b) => (max_q low (nth i a 0%Q), min_q high (nth i b 0%Q))
  end.

(** Bounds after the cuts of a leaf: (coordinate, at most, at least). *)
Definition cut_bounds (lo hi : list Z) (cuts : list (nat * option Q * option Q)) (scale : Z) : list Z * list Z :=
  fold_left (fun acc cut =>
    let '(i, below, top) := cut in
    (match top with None => fst acc | Some a => update i (Z.max (floor_q a scale)) 0 (fst acc) end,
     match below with None => snd acc | Some b => update i (Z.min (ceil_q b scale)) 0 (snd acc) end)) cuts (lo, hi).

(** ** Rationals mean what they say *)

Open Scope R_scope.

Lemma Q2R_make n d : Q2R (Qmake n d) = IZR n / IZR (Zpos d).
Proof. reflexivity. Qed.

Lemma ratio_q_value r : (1 <= snd r)%Z -> Q2R (ratio_q r) = ratio_value r.
Proof. intros P. unfold ratio_q, ratio_value. rewrite Q2R_make, Z2Pos.id by lia. reflexivity. Qed.

Lemma exact_q_value p : Q2R (exact_q p) = dyadic_value p.
Proof.
  unfold exact_q, dyadic_value. destruct (Z.leb_spec 0 (snd p)) as [P | N].
  - unfold inject_Z. rewrite Q2R_make, shiftl_IZR by assumption. field.
  - assert (0 < Z.shiftl 1 (- snd p))%Z.
    { rewrite Z.shiftl_mul_pow2 by lia. pose proof (Z.pow_pos_nonneg 2 (- snd p)). lia. }
    rewrite Q2R_make, Z2Pos.id, shiftl_IZR by lia. rewrite Rmult_1_l. unfold Rdiv.
    rewrite <- bpow_opp, Z.opp_involutive. reflexivity.
Qed.

Lemma max_q_value a b : Q2R (max_q a b) = Rmax (Q2R a) (Q2R b).
Proof.
  unfold max_q. destruct (Qle_bool a b) eqn:E.
  - apply Qle_bool_iff, Qle_Rle in E. rewrite Rmax_right; auto.
  - rewrite Rmax_left; [reflexivity|]. apply Qle_Rle, Qlt_le_weak, Qnot_le_lt. rewrite <- Qle_bool_iff. congruence.
Qed.

Lemma min_q_value a b : Q2R (min_q a b) = Rmin (Q2R a) (Q2R b).
Proof.
  unfold min_q. destruct (Qle_bool a b) eqn:E.
  - apply Qle_bool_iff, Qle_Rle in E. rewrite Rmin_left; auto.
  - rewrite Rmin_right; [reflexivity|]. apply Qle_Rle, Qlt_le_weak, Qnot_le_lt. rewrite <- Qle_bool_iff. congruence.
Qed.

Lemma add_q_value a b : Q2R (add_q a b) = Q2R a + Q2R b.
Proof.
  destruct a as [na da], b as [nb db]. unfold add_q. cbn [Qnum Qden].
  set (g := Z.gcd (Zpos da) (Zpos db)).
  assert (G : (0 < g)%Z).
  { pose proof (Z.gcd_nonneg (Zpos da) (Zpos db)). enough (g <> 0)%Z by (unfold g in *; lia).
    unfold g; intros Z0. apply Z.gcd_eq_0_l in Z0. discriminate. }
  destruct (Z.gcd_divide_l (Zpos da) (Zpos db)) as [u U]. destruct (Z.gcd_divide_r (Zpos da) (Zpos db)) as [w W].
  fold g in U, W. rewrite U, W, !Z.div_mul by lia. rewrite !Q2R_make, Z2Pos.id by nia.
  rewrite <- U. rewrite plus_IZR, !mult_IZR.
  assert (0 < IZR (Zpos da)) by (apply IZR_lt; lia). assert (0 < IZR (Zpos db)) by (apply IZR_lt; lia).
  assert (A : IZR (Zpos da) = IZR u * IZR g) by (rewrite U, mult_IZR; reflexivity).
  assert (B : IZR (Zpos db) = IZR w * IZR g) by (rewrite W, mult_IZR; reflexivity).
  assert (0 < IZR g) by (apply IZR_lt; assumption). rewrite A in *. rewrite B in *.
  assert (IZR u <> 0) by (intros E; rewrite E in *; lra). assert (IZR w <> 0) by (intros E; rewrite E in *; lra).
  field. repeat split; lra.
Qed.

Lemma sub_q_value a b : Q2R (sub_q a b) = Q2R a - Q2R b.
Proof. unfold sub_q. rewrite add_q_value, Q2R_opp. lra. Qed.

Lemma sum_q_value l : Q2R (sum_q l) = sumR (map Q2R l).
Proof.
  unfold sum_q. assert (H : forall s, Q2R (fold_left add_q l s) = Q2R s + sumR (map Q2R l)).
  { induction l as [|a l IH]; intros s; cbn [fold_left map sumR fold_right]; [simpl; lra|].
    rewrite IH, add_q_value. unfold sumR. lra. }
  rewrite H. unfold Q2R. simpl. lra.
Qed.

Lemma floor_q_le v scale : IZR (floor_q v scale) <= Q2R v * pow2 scale.
Proof. apply floor_ratio_le. lia. Qed.

Lemma ceil_q_ge v scale : Q2R v * pow2 scale <= IZR (ceil_q v scale).
Proof. apply ceil_ratio_ge. lia. Qed.

(** ** Norms *)

Lemma norm_le_entries n w r : norm_le n w r -> Forall (fun x => Rabs x <= r) w.
Proof.
  destruct n; cbn [norm_le]; [trivial| |]; intros H.
  - destruct H as [R0 H]. assert (G : Forall (fun x => x * x <= r * r) w).
    { revert H. generalize (r * r). induction w as [|x w IH]; intros m H; constructor; simpl in H.
      - assert (0 <= fold_right Rplus 0 (map (fun x => x * x) w)); [|lra].
        clear. induction w as [|y w IH]; simpl; [lra|]. pose proof (Rle_0_sqr y). unfold Rsqr in *. lra.
      - apply IH. pose proof (Rle_0_sqr x). unfold Rsqr in *. lra. }
    apply Forall_impl with (2 := G). intros x L. apply Rsqr_incr_0_var; [|assumption].
    rewrite <- Rsqr_abs. exact L.
  - revert H. generalize r. induction w as [|x w IH]; intros m H; constructor; simpl in H.
    + assert (0 <= fold_right Rplus 0 (map Rabs w)); [|lra].
      clear. induction w as [|y w IH]; simpl; [lra|]. pose proof (Rabs_pos y). lra.
    + apply IH. pose proof (Rabs_pos x). lra.
Qed.

(** At another scale, and with a larger radius. *)
Lemma norm_le_scale n w r k r' : 0 <= k -> r * k <= r' -> norm_le n w r -> norm_le n (map (fun x => x * k) w) r'.
Proof.
  intros K L. destruct n; cbn [norm_le]; intros H.
  - induction H as [|x w B H IH]; simpl; constructor; [|exact IH].
    rewrite Rabs_mult, (Rabs_pos_eq k) by assumption. eapply Rle_trans; [|exact L].
    apply Rmult_le_compat_r; assumption.
  - destruct H as [R0 H]. split; [eapply Rle_trans; [|exact L]; apply Rmult_le_pos; assumption|].
    assert (E : forall l, fold_right Rplus 0 (map (fun x => x * x) (map (fun x => x * k) l))
                = fold_right Rplus 0 (map (fun x => x * x) l) * (k * k)).
    { induction l as [|x l IH]; simpl; [lra|]. rewrite IH. ring. }
    rewrite E. apply Rle_trans with (r * r * (k * k)).
    + apply Rmult_le_compat_r; [apply Rmult_le_pos; assumption | exact H].
    + replace (r * r * (k * k)) with (r * k * (r * k)) by ring.
      apply Rmult_le_compat; try assumption; apply Rmult_le_pos; assumption.
  - eapply Rle_trans; [|exact L].
    assert (E : forall l, fold_right Rplus 0 (map Rabs (map (fun x => x * k) l)) = fold_right Rplus 0 (map Rabs l) * k).
    { induction l as [|x l IH]; simpl; [lra|]. rewrite IH, Rabs_mult, (Rabs_pos_eq k) by assumption. ring. }
    rewrite E. apply Rmult_le_compat_r; assumption.
Qed.

Lemma map2_minus_scale k x : forall c,
  map2 Rminus (map (fun v => v * k) x) (map (fun v => v * k) c) = map (fun v => v * k) (map2 Rminus x c).
Proof. induction x as [|y x IH]; intros [|d c]; simpl; try reflexivity. rewrite IH. f_equal. lra. Qed.

(** ** What the decoded domain says of a point *)

Definition scaled_by (scale : Z) (x : list R) : list R := map (fun v => v * pow2 scale) x.

Definition part_means (d : domain) (p : list dyadic * list dyadic) (x : list R) : Prop :=
  Forall2 (fun v y => dyadic_value v - Q2R (dm_radius d) <= y) (fst p) x
  /\ Forall2 (fun v y => y <= dyadic_value v + Q2R (dm_radius d)) (snd p) x
  /\ match dm_limits d with
     | None => True
     | Some (a, b) => Forall2 (fun q y => Q2R q <= y) a x /\ Forall2 (fun q y => y <= Q2R q) b x
     end
  /\ match dm_norm d with
     | None => True
     | Some nm => norm_le nm (map2 Rminus x (map dyadic_value (fst p))) (Q2R (dm_radius d))
     end.

Definition sizes_are (n : nat) (d : domain) : Prop :=
  Forall (fun p => length (fst p) = n /\ length (snd p) = n) (dm_parts d)
  /\ match dm_limits d with None => True | Some (a, b) => length a = n /\ length b = n end.

Lemma floats_at_ok s t n l : floats_at s t n = Ok l -> length l = n /\ reals_at s t = map dyadic_value l.
Proof.
  unfold floats_at. intros H. ok H. apply Nat.eqb_eq in E. rewrite (dyadics_length _ _ H). split; [exact E|].
  symmetry. apply dyadics_correct, H.
Qed.

Lemma chunk_map {A B} (f : A -> B) count n : forall l, chunk count n (map f l) = map (map f) (chunk count n l).
Proof. induction count as [|k IH]; intros l; simpl; [reflexivity|]. rewrite firstn_map, skipn_map, IH. reflexivity. Qed.

Lemma chunk_nth {A} count n : forall (l : list A) k, length l = (count * n)%nat -> (k < count)%nat ->
  length (nth k (chunk count n l) []) = n.
Proof.
  induction count as [|m IH]; intros l k L K; [lia|]. simpl. destruct k; simpl.
  - rewrite firstn_length. simpl in L. lia.
  - apply IH; [|lia]. rewrite skipn_length. simpl in L. lia.
Qed.

Lemma chunk_size {A} count n : forall (l : list A), length (chunk count n l) = count.
Proof. induction count as [|k IH]; intros l; simpl; auto. Qed.

Lemma read_centres_ok s t count n l : read_centres s t count n = Ok l ->
  length l = count /\ Forall (fun p => length (fst p) = n /\ length (snd p) = n) l
  /\ forall k, (k < count)%nat ->
       snd (nth k l ([], [])) = fst (nth k l ([], []))
       /\ row_of count k (reals_at s t) = map dyadic_value (fst (nth k l ([], []))).
Proof.
  unfold read_centres. intros H. ok H. destruct (part_limit <? _)%Z; [discriminate|]. ok H. injection H as <-.
  destruct (floats_at_ok _ _ _ _ E0) as [L ->].
  rewrite map_length, chunk_size. split; [reflexivity|]. split.
  - rewrite Forall_map, Forall_forall. intros c I. simpl. apply In_nth with (d := []) in I.
    rewrite chunk_size in I. destruct I as (k & K & <-). rewrite chunk_nth by assumption. auto.
  - intros k K. set (rows := chunk count n a0).
    replace (nth k (map (fun c => (c, c)) rows) ([], [])) with (nth k rows [], nth k rows [])
      by (symmetry; exact (map_nth (fun c => (c, c)) rows [] k)).
    split; [reflexivity|]. unfold row_of. rewrite map_length, L, Nat.mul_comm, Nat.div_mul by lia.
    rewrite chunk_map. exact (map_nth (map dyadic_value) rows [] k).
Qed.

Lemma Forall2_map_left {A B C} (P : B -> C -> Prop) (f : A -> B) l : forall x,
  Forall2 (fun a => P (f a)) l x <-> Forall2 P (map f l) x.
Proof.
  induction l as [|a l IH]; intros x; simpl; split; intros H; inversion H; subst; constructor; auto; apply IH; auto.
Qed.

Lemma Forall2_weaken {A B} (P Q : A -> B -> Prop) l x : (forall a b, P a b -> Q a b) -> Forall2 P l x -> Forall2 Q l x.
Proof. intros I; induction 1; constructor; auto. Qed.

Lemma Forall2_swap {A B} (P : A -> B -> Prop) l x : Forall2 P l x -> Forall2 (fun b a => P a b) x l.
Proof. induction 1; constructor; auto. Qed.

Lemma Forall2_size {A B} (P : A -> B -> Prop) l x : Forall2 P l x -> length l = length x.
Proof. induction 1; simpl; auto. Qed.

(** Bounds that were stored as dyadics. *)
Lemma between_dyadics lo hi x : between (map dyadic_value lo) (map dyadic_value hi) x ->
  Forall2 (fun v y => dyadic_value v <= y) lo x /\ Forall2 (fun v y => y <= dyadic_value v) hi x.
Proof.
  intros [A B]. split; [apply (Forall2_map_left Rle), A|].
  apply (Forall2_map_left (fun v y => y <= v)), Forall2_swap, B.
Qed.

Lemma read_limits_ok s n w l : read_limits s n w = Ok l ->
  match l with None => True | Some (a, b) => length a = n /\ length b = n end
  /\ forall x, length x = n ->
     match w with
     | WAnywhere => True
     | WWithin a b => Forall (fun v => ratio_value a <= v <= ratio_value b) x
     | WWithinArrays lo hi => between (reals_at s lo) (reals_at s hi) x
     end ->
     match l with
     | None => True
     | Some (a, b) => Forall2 (fun q y => Q2R q <= y) a x /\ Forall2 (fun q y => y <= Q2R q) b x
     end.
Proof.
  unfold read_limits. destruct w as [|a b|lo hi]; intros H.
  - injection H as <-. auto.
  - ok H. injection H as <-. apply andb_prop in E. destruct E as [A B]. apply Z.leb_le in A, B.
    rewrite !repeat_length. split; [auto|]. intros x <- F. rewrite <- !ratio_q_value in F by assumption.
    split; induction F; simpl; constructor; tauto.
  - ok H. injection H as <-. destruct (floats_at_ok _ _ _ _ E) as [L ->], (floats_at_ok _ _ _ _ E0) as [L' ->].
    rewrite !map_length. split; [auto|]. intros x _ B. apply between_dyadics in B. destruct B as [A B].
    split; apply (proj1 (Forall2_map_left _ exact_q _ _)); (eapply Forall2_weaken; [|exact A || exact B]);
      intros v y; simpl; rewrite exact_q_value; auto.
Qed.

Lemma radius_of_points : Q2R 0 = 0.
Proof. unfold Q2R. simpl. lra. Qed.

Lemma minus_self (c : list R) : map2 Rminus c c = repeat 0 (length c).
Proof. induction c; simpl; [reflexivity|]. rewrite IHc. f_equal. lra. Qed.

(** A point of a ball lies in its bounding box. *)
Lemma ball_in_box ctr r x :
  length x = length ctr -> Forall (fun y => Rabs y <= r) (map2 Rminus x (map dyadic_value ctr)) ->
  Forall2 (fun v y => dyadic_value v - r <= y) ctr x /\ Forall2 (fun v y => y <= dyadic_value v + r) ctr x.
Proof.
  revert x. induction ctr as [|v ctr IH]; intros [|y x] L F; try discriminate; [split; constructor|].
  simpl in F. inversion F; subst. injection L as L. destruct (IH x L H2) as [A B].
  apply Rabs_le_inv in H1. split; constructor; try assumption; lra.
Qed.

Lemma read_shape_ok s c n l r nm : read_shape s n (cl_domain c) = Ok (l, r, nm) ->
  length l = parts c /\ Forall (fun p => length (fst p) = n /\ length (snd p) = n) l
  /\ forall k x, (k < parts c)%nat -> in_part s c k x ->
      length x = n
      /\ Forall2 (fun v y => dyadic_value v - Q2R r <= y) (fst (nth k l ([], []))) x
      /\ Forall2 (fun v y => y <= dyadic_value v + Q2R r) (snd (nth k l ([], []))) x
      /\ match nm with
         | None => True
         | Some nm => norm_le nm (map2 Rminus x (map dyadic_value (fst (nth k l ([], []))))) (Q2R r)
         end.
Proof.
  unfold read_shape, parts, in_part. destruct (cl_domain c) as [lo hi|N t count rad|t count]; intros H.
  - ok H. injection H as <- <- <-. destruct (floats_at_ok _ _ _ _ E) as [L ->], (floats_at_ok _ _ _ _ E0) as [L' ->].
    split; [reflexivity|]. split; [repeat constructor; assumption|].
    intros k x K [B _]. assert (k = 0)%nat by lia. subst k. apply between_dyadics in B. destruct B as [A B].
    simpl nth. cbn [fst snd]. split; [rewrite <- (Forall2_size _ _ _ A); exact L|].
    repeat split; (eapply Forall2_weaken; [|exact A || exact B]); intros v y; simpl; rewrite radius_of_points; lra.
  - ok H. injection H as <- <- <-. apply Z.leb_le in E, E0. destruct (read_centres_ok _ _ _ _ _ E1) as (L & F & C).
    split; [exact L|]. split; [exact F|]. intros k x K [[Lx N0] _]. destruct (C k K) as [-> R].
    rewrite R, map_length in Lx. rewrite R in N0. rewrite ratio_q_value by assumption.
    destruct (ball_in_box _ _ _ Lx (norm_le_entries _ _ _ N0)) as [A B]. repeat split; try assumption.
    rewrite Lx. apply (proj1 (Forall_forall _ _) F), nth_In. lia.
  - ok H. injection H as <- <- <-. destruct (read_centres_ok _ _ _ _ _ E) as (L & F & C).
    split; [exact L|]. split; [exact F|]. intros k x K [-> _]. destruct (C k K) as [-> ->]. rewrite map_length.
    set (ctr := fst _). assert (N0 : norm_le Linf (map2 Rminus (map dyadic_value ctr) (map dyadic_value ctr)) (Q2R 0)).
    { rewrite minus_self, radius_of_points. apply Forall_forall. intros y I. apply repeat_spec in I. subst y.
      rewrite Rabs_R0. lra. }
    destruct (ball_in_box ctr _ (map dyadic_value ctr) ltac:(apply map_length) N0) as [A B].
    repeat split; try assumption. apply (proj1 (Forall_forall _ _) F), nth_In. lia.
Qed.

(** What [read_domain] has looked at. *)
Lemma read_domain_means s c n d : read_domain s c n = Ok d ->
  sizes_are n d /\ length (dm_parts d) = parts c
  /\ forall k x, (k < parts c)%nat -> in_part s c k x -> length x = n /\ part_means d (part_at d k) x.
Proof.
  unfold read_domain. intros H. ok H. destruct a as [[l r] nm]. ok H. injection H as <-.
  destruct (read_shape_ok _ _ _ _ _ _ E) as (L & F & P). destruct (read_limits_ok _ _ _ _ E0) as [G Q].
  split; [split; assumption|]. split; [exact L|]. intros k x K I.
  destruct (P k x K I) as (Lx & A & B & N). split; [exact Lx|]. destruct I as [_ I]. specialize (Q x Lx I).
  repeat split; assumption.
Qed.

(** ** Bounds enclose their part *)

Lemma within_of_sides lo hi x (f g : dyadic -> Z) scale r :
  (forall v, IZR (f v) <= (dyadic_value v - r) * pow2 scale) ->
  (forall v, (dyadic_value v + r) * pow2 scale <= IZR (g v)) ->
  Forall2 (fun v y => dyadic_value v - r <= y) lo x -> Forall2 (fun v y => y <= dyadic_value v + r) hi x ->
  within (map f lo) (map g hi) (scaled_by scale x).
Proof.
  intros F G A. revert hi. induction A as [|v y lo x A1 A IH]; intros hi B; inversion B; subst; [constructor|].
  cbn [map scaled_by]. constructor; [|apply IH; assumption]. pose proof (pow2_pos scale).
  specialize (F v). specialize (G x0). split; eapply Rle_trans; eauto; apply Rmult_le_compat_r; lra.
Qed.

Lemma within_raise scale lo hi a x : within lo hi (scaled_by scale x) -> Forall2 (fun q y => Q2R q <= y) a x ->
  within (map2 Z.max lo (map (fun v => floor_q v scale) a)) hi (scaled_by scale x).
Proof.
  intros W A. revert lo hi W. induction A as [|q y a x A1 A IH]; intros lo hi W; cbn [map scaled_by] in *;
    inversion W; subst.
  - constructor.
  - cbn [map2]. constructor; [|apply IH; assumption]. split; [|apply H3].
    apply Z.max_case; [apply H3|]. eapply Rle_trans; [apply floor_q_le|].
    apply Rmult_le_compat_r; [apply Rlt_le, pow2_pos | exact A1].
Qed.

Lemma within_lower scale lo hi b x : within lo hi (scaled_by scale x) -> Forall2 (fun q y => y <= Q2R q) b x ->
  within lo (map2 Z.min hi (map (fun v => ceil_q v scale) b)) (scaled_by scale x).
Proof.
  intros W A. revert lo hi W. induction A as [|q y a x A1 A IH]; intros lo hi W; cbn [map scaled_by] in *;
    inversion W; subst.
  - constructor.
  - cbn [map2]. constructor; [|apply IH; assumption]. split; [apply H3|].
    apply Z.min_case; [apply H3|]. eapply Rle_trans; [|apply ceil_q_ge].
    apply Rmult_le_compat_r; [apply Rlt_le, pow2_pos | exact A1].
Qed.

Lemma bounds_of_means d p x scale : part_means d p x ->
  within (fst (bounds_of d p scale)) (snd (bounds_of d p scale)) (scaled_by scale x).
Proof.
  intros (A & B & L & _). unfold bounds_of.
  assert (W : within (map (fun v => floor_dyadic v scale (- Qnum (dm_radius d)) (Zpos (Qden (dm_radius d)))) (fst p))
                     (map (fun v => ceil_dyadic v scale (Qnum (dm_radius d)) (Zpos (Qden (dm_radius d)))) (snd p))
                     (scaled_by scale x)).
  { apply within_of_sides with (3 := A) (4 := B); intros v.
    - eapply Rle_trans; [apply floor_dyadic_le; lia|]. apply Req_le. rewrite opp_IZR.
      destruct (dm_radius d) as [rn rd]; rewrite Q2R_make. cbn [Qnum Qden]. unfold Rdiv. ring.
    - eapply Rle_trans; [|apply ceil_dyadic_ge; lia]. apply Req_le. destruct (dm_radius d) as [rn rd]; reflexivity. }
  destruct (dm_limits d) as [[a b]|]; [|exact W]. destruct L as [LA LB]. cbn [fst snd].
  apply within_lower; [apply within_raise|]; assumption.
Qed.

Lemma map2_size (f : Z -> Z -> Z) n : forall a b, length a = n -> length b = n -> length (map2 f a b) = n.
Proof. induction n as [|n IH]; intros [|x a] [|y b] L1 L2; try discriminate; simpl; auto. Qed.

Lemma bounds_of_size n d p scale : sizes_are n d -> In p (dm_parts d) ->
  length (fst (bounds_of d p scale)) = n /\ length (snd (bounds_of d p scale)) = n.
Proof.
  intros [F G] I. rewrite Forall_forall in F. destruct (F p I) as [L1 L2]. unfold bounds_of.
  destruct (dm_limits d) as [[a b]|]; cbn [fst snd]; rewrite ?map_length; [|auto].
  destruct G as [G1 G2]. split; apply map2_size; rewrite map_length; assumption.
Qed.

Lemma within_join_left a b v : within (fst a) (snd a) v -> length (fst b) = length v -> length (snd b) = length v ->
  within (fst (join_bounds a b)) (snd (join_bounds a b)) v.
Proof.
  destruct a as [lo hi], b as [lo' hi']. unfold join_bounds. cbn [fst snd]. intros W. revert lo' hi'.
  induction W as [|l h x lo hi v B W IH]; intros [|l' lo'] [|h' hi'] L1 L2; try discriminate; constructor.
  - split; eapply Rle_trans; [apply IZR_le, Z.le_min_l | apply B | apply B | apply IZR_le, Z.le_max_l].
  - apply IH; [injection L1 | injection L2]; auto.
Qed.

Lemma join_bounds_sym a b : join_bounds a b = join_bounds b a.
Proof.
  assert (M : forall (f : Z -> Z -> Z), (forall x y, f x y = f y x) -> forall u w, map2 f u w = map2 f w u).
  { intros f C u. induction u as [|x u IH]; intros [|y w]; simpl; try reflexivity. rewrite C, IH. reflexivity. }
  unfold join_bounds. rewrite (M Z.min), (M Z.max); [reflexivity | apply Z.max_comm | apply Z.min_comm].
Qed.

Lemma hull_means n d p x scale : sizes_are n d -> length x = n -> In p (dm_parts d) -> part_means d p x ->
  within (fst (hull d scale)) (snd (hull d scale)) (scaled_by scale x).
Proof.
  intros S L I P. pose proof (fun q => bounds_of_size n d q scale S) as B. unfold hull.
  apply bounds_of_means with (scale := scale) in P.
  set (bs q := bounds_of d q scale) in *.
  assert (Lx : length (scaled_by scale x) = n) by (unfold scaled_by; rewrite map_length; exact L).
  revert I B P. destruct (dm_parts d) as [|q0 rest]; [contradiction|]. intros I B P.
  assert (G : forall l acc, (forall q, In q l -> length (fst (bs q)) = n /\ length (snd (bs q)) = n) ->
     length (fst acc) = n -> length (snd acc) = n ->
     within (fst acc) (snd acc) (scaled_by scale x) \/ In p l ->
     let out := fold_left (fun acc q => join_bounds acc (bs q)) l acc in
     within (fst out) (snd out) (scaled_by scale x)).
  { induction l as [|q l IH]; intros acc Hl L1 L2 H; cbn [fold_left]; [destruct H; [assumption | contradiction]|].
    destruct (Hl q (or_introl eq_refl)) as [Q1 Q2].
    apply IH.
    - intros q' I'. apply Hl. right; exact I'.
    - unfold join_bounds. cbn [fst]. apply (map2_size Z.min); assumption.
    - unfold join_bounds. cbn [snd]. apply (map2_size Z.max); assumption.
    - destruct H as [H | [-> | H]]; [left | left | right; exact H].
      + apply within_join_left; congruence.
      + rewrite join_bounds_sym. apply within_join_left; [exact P | congruence | congruence]. }
  destruct (B q0 (or_introl eq_refl)) as [B1 B2].
  apply G; [intros q I'; apply B; right; exact I' | exact B1 | exact B2|].
  destruct I as [-> | I]; [left; exact P | right; exact I].
Qed.

Lemma part_ball_means d p x scale : part_means d p x -> forall k, part_at d k = p ->
  region_means (part_ball d k scale) (scaled_by scale x).
Proof.
  intros (A & _ & _ & N) k K. unfold part_ball. rewrite K.
  assert (G : forall nm, norm_le nm (map2 Rminus x (map dyadic_value (fst p))) (Q2R (dm_radius d)) ->
     region_means (Some {| bl_norm := nm; bl_below := map (fun v => floor_dyadic v scale 0 1) (fst p);
              bl_above := map (fun v => ceil_dyadic v scale 0 1) (fst p); bl_radius := ceil_q (dm_radius d) scale |})
     (scaled_by scale x)).
  { intros nm M. exists (scaled_by scale (map dyadic_value (fst p))). cbn [bl_norm bl_below bl_above bl_radius].
    split; [|split].
    - clear. induction (fst p) as [|v l IH]; cbn [map scaled_by]; constructor; [|exact IH].
      pose proof (floor_dyadic_le v scale 0 1 ltac:(lia)). pose proof (ceil_dyadic_ge v scale 0 1 ltac:(lia)). lra.
    - unfold scaled_by. rewrite !map_length. apply (Forall2_size _ _ _ A).
    - unfold scaled_by. rewrite map2_minus_scale. eapply norm_le_scale;
        [apply Rlt_le, pow2_pos | apply ceil_q_ge | exact M]. }
  destruct (dm_norm d) as [[]|]; try exact I; apply G; exact N.
Qed.

Lemma Forall2_at {A B} (P : A -> B -> Prop) l x : Forall2 P l x -> forall i a b, (i < length x)%nat ->
  P (nth i l a) (nth i x b).
Proof.
  induction 1 as [|u y l x H F IH]; intros i a b I; simpl in I; [lia|]. destruct i; simpl; [exact H | apply IH; lia].
Qed.

Lemma coordinate_means d k x i : part_means d (part_at d k) x -> (i < length x)%nat ->
  Q2R (fst (coordinate d k i)) <= nth i x 0 <= Q2R (snd (coordinate d k i)).
Proof.
  intros (A & B & L & _) I. unfold coordinate.
  pose proof (Forall2_at _ _ _ A i (0, 0)%Z 0 I) as A'. pose proof (Forall2_at _ _ _ B i (0, 0)%Z 0 I) as B'.
  simpl in A', B'. destruct (dm_limits d) as [[a b]|]; cbn [fst snd];
    rewrite ?max_q_value, ?min_q_value, sub_q_value, add_q_value, !exact_q_value; [|lra].
  destruct L as [LA LB]. pose proof (Forall2_at _ _ _ LA i 0%Q 0 I) as LA'.
  pose proof (Forall2_at _ _ _ LB i 0%Q 0 I) as LB'.
  simpl in LA', LB'. split; [apply Rmax_lub; lra | apply Rmin_glb; lra].
Qed.

Theorem domain_correct s c n d : read_domain s c n = Ok d ->
  (forall k x scale, (k < parts c)%nat -> in_part s c k x ->
     length x = n
     /\ within (fst (part_bounds d k scale)) (snd (part_bounds d k scale)) (map (fun v => v * pow2 scale) x)
     /\ region_means (part_ball d k scale) (map (fun v => v * pow2 scale) x)
     /\ forall i, (i < n)%nat -> Q2R (fst (coordinate d k i)) <= nth i x 0 <= Q2R (snd (coordinate d k i)))
  /\ forall x scale, in_domain s c x ->
     length x = n /\ within (fst (hull d scale)) (snd (hull d scale)) (map (fun v => v * pow2 scale) x).
Proof.
  intros H. destruct (read_domain_means s c n d H) as (S & L & M). split.
  - intros k x scale K I. destruct (M k x K I) as [Lx P]. split; [exact Lx|].
    split; [apply bounds_of_means, P|]. split; [apply part_ball_means with (2 := eq_refl), P|].
    intros i Hi. apply coordinate_means; [exact P | lia].
  - intros x scale (k & K & I). destruct (M k x K I) as [Lx P]. split; [exact Lx|].
    apply (hull_means n d (part_at d k)); try assumption. apply nth_In. lia.
Qed.

(** ** Cuts *)

Lemma within_update_low i m lo hi v : within lo hi v -> (i < length v)%nat -> IZR m <= nth i v 0 ->
  within (update i (Z.max m) 0%Z lo) hi v.
Proof.
  intros W. revert i. induction W as [|l h x lo hi v B W IH]; intros i I M; simpl in I; [lia|].
  destruct i; simpl in *; constructor; try assumption; [|apply IH; [lia | exact M]].
  split; [apply Z.max_case; lra | apply B].
Qed.

Lemma within_update_high i m lo hi v : within lo hi v -> (i < length v)%nat -> nth i v 0 <= IZR m ->
  within lo (update i (Z.min m) 0%Z hi) v.
Proof.
  intros W. revert i. induction W as [|l h x lo hi v B W IH]; intros i I M; simpl in I; [lia|].
  destruct i; simpl in *; constructor; try assumption; [|apply IH; [lia | exact M]].
  split; [apply B | apply Z.min_case; lra].
Qed.

(** x_i <= below and x_i >= above. *)
Definition cut_means (x : list R) (cut : nat * option Q * option Q) : Prop :=
  let '(i, below, top) := cut in
  (i < length x)%nat
  /\ match below with None => True | Some b => nth i x 0 <= Q2R b end
  /\ match top with None => True | Some a => Q2R a <= nth i x 0 end.

Lemma cut_bounds_means scale x cuts : Forall (cut_means x) cuts -> forall lo hi,
  within lo hi (map (fun v => v * pow2 scale) x) ->
  within (fst (cut_bounds lo hi cuts scale)) (snd (cut_bounds lo hi cuts scale)) (map (fun v => v * pow2 scale) x).
Proof.
  unfold cut_bounds. intros F. induction F as [|[[i below] top] cuts (I & B & T) F IH]; intros lo hi W; [exact W|].
  cbn [fold_left fst snd].
  assert (N : nth i (map (fun v => v * pow2 scale) x) 0 = nth i x 0 * pow2 scale).
  { rewrite <- (Rmult_0_l (pow2 scale)) at 1. apply (map_nth (fun v => v * pow2 scale)). }
  pose proof (pow2_pos scale) as P.
  assert (W' : within lo (match below with None => hi | Some b => update i (Z.min (ceil_q b scale)) 0%Z hi end)
                 (map (fun v => v * pow2 scale) x)).
  { destruct below as [b|]; [|exact W]. apply within_update_high; [exact W | rewrite map_length; exact I|]. rewrite N.
    eapply Rle_trans; [|apply ceil_q_ge]. apply Rmult_le_compat_r; lra. }
  apply IH. destruct top as [a|]; [|exact W']. apply within_update_low; [exact W' | rewrite map_length; exact I|].
  rewrite N.
  eapply Rle_trans; [apply floor_q_le|]. apply Rmult_le_compat_r; lra.
Qed.
